"""Every reason for which a host may not join a pool: a row for each, and the order in which they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from xapid.auth.sessions import ROOT
from xapid.config import Config
from xapid.database import Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations.cabling import the_pool
from xapid.operations.pool_join_checks import CLASSES, Facts, check
from xapid.testing.in_process import Server, config


class Undo(Exception):
    """Ends a transaction that is to change nothing."""


class Pair:
    """A joiner and a pool, whose records a test may change behind the API's back."""

    def __init__(self) -> None:
        self.joiner = Server(config(preset="standalone", seed=1))
        self.pool = Server(config(preset="standalone", seed=2))
        self.near, self.far = self.joiner.pool.db, self.pool.pool.db
        self.session = self.pool.client()
        self.session._session = self.pool.pool.services.sessions.open(ROOT, NULL_REF).ref
        self.forget()

    def forget(self) -> None:
        self.skew = 0.0
        self.ports = (443, 443)
        self.settings: dict[str, Any] = {}

    @contextmanager
    def undone(self) -> Iterator[None]:
        """What is changed inside never happened."""
        with suppress(Undo), self.near.transaction(), self.far.transaction():
            yield
            raise Undo
        self.forget()

    def own(self, cls: str, side: str = "near", **fields: Any) -> Row:
        """The first object of a class whose fields are so."""
        db = self.near if side == "near" else self.far
        return next(row for row in db.table(cls) if all(getattr(row, name) == value for name, value in fields.items()))

    def change(self, row: Row, **fields: Any) -> None:
        db = self.near if self.near.find(row.ref) is not None else self.far
        with db.transaction() as tx:
            tx.update(row.ref, **fields)

    def make(self, cls: str, side: str = "near", **fields: Any) -> str:
        with (self.near if side == "near" else self.far).transaction() as tx:
            return tx.create(cls, **fields)

    def facts(self, *, force: bool = False) -> Facts:
        far = {cls: getattr(self.session.xenapi, cls).get_all_records() for cls in CLASSES}
        settings = Config(ephemeral=True, **self.settings)
        return Facts(db=self.near, config=settings, far=far, skew=self.skew, ports=self.ports, force=force)

    def refusal(self, *, force: bool = False) -> list[str]:
        """What the join is refused with; empty if it is not."""
        try:
            check(self.facts(force=force))
        except XenAPIError as error:
            return list(error.description)
        return []

    def version(self, side: str, **words: str) -> None:
        host = self.own("host", side)
        self.change(host, software_version=frozenmap({**host.software_version, **words}))

    def management(self, side: str = "near") -> Row:
        return self.own("PIF", side, management=True)


@pytest.fixture(scope="module")
def both() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.joiner.close()
    pair.pool.close()


@pytest.fixture
def pair(both: Pair) -> Iterator[Pair]:
    with both.undone():
        yield both


def small_pool(pair: Pair) -> None:
    pair.change(pair.own("pool", "far"), restrictions=frozenmap({"restrict_pool_size": "true"}))
    for number in range(2):
        pair.make("host", "far", uuid=f"more-{number}")


def cluster(pair: Pair, *, tag: int = -1, management: bool = True, addresses: int = 1) -> None:
    pif = pair.management("far")
    pair.change(pif, VLAN=tag, management=management)
    if not management:
        pair.change(pair.own("PIF", "far", management=False, device="eth1"), management=True)
    made = pair.make("Cluster", "far", pool_auto_join=True)
    pair.make("Cluster_host", "far", cluster=made, PIF=pif.ref, host=pif.host)
    pair.change(pair.management(), IP="10.1.1.1" if addresses else "")


def trusted(pair: Pair) -> None:
    for side, purpose in (("near", ("licensing",)), ("far", ())):
        pair.make("Certificate", side, type="pinned", fingerprint_sha256="AA", purpose=purpose)


def busy_vm(pair: Pair) -> None:
    pair.make("VM", uuid="busy", current_operations=frozenmap({"OpaqueRef:t": "copy"}))


def other_driver(pair: Pair) -> None:
    driver = pair.own("SM", type="nfs")
    pair.change(driver, features=frozenmap({"VDI_CREATE": 1}))


def another_update(pair: Pair) -> None:
    host = pair.own("host", "far")
    update = pair.make("pool_update", "far", uuid="u", enforce_homogeneity=True)
    pair.change(host, name_label="b", updates=(update,))
    pair.change(pair.own("host"), name_label="a")


ROWS: dict[str, tuple[Callable[[Pair], object], list[str]]] = {
    "a pool whose licence allows three hosts has three": (small_pool, ["LICENCE_RESTRICTION", "Pool_size"]),
    "no management interface is on record": (
        lambda p: p.change(p.management(), management=False), ["HOST_STILL_BOOTING"],
    ),
    "HA is on at the joiner": (lambda p: p.change(the_pool(p.near), ha_enabled=True), ["HA_IS_ENABLED"]),
    "the joiner is in a cluster": (
        lambda p: p.make("Cluster_host", ref="OpaqueRef:node", enabled=True), ["CLUSTERING_ENABLED", "OpaqueRef:node"],
    ),
    "the pool's cluster is on a VLAN": (
        lambda p: cluster(p, tag=7, management=False),
        ["POOL_JOINING_POOL_CANNOT_ENABLE_CLUSTERING_ON_VLAN_NETWORK", "7"],
    ),
    "the joiner has no address on the cluster's network": (
        lambda p: cluster(p, addresses=0), ["POOL_JOINING_HOST_MUST_HAVE_ONLY_ONE_IP_ON_CLUSTERING_NETWORK"],
    ),
    "HA is on in the pool": (lambda p: p.change(the_pool(p.far), ha_enabled=True), ["HA_IS_ENABLED"]),
    "the pool has a host of this uuid": (
        lambda p: p.make("host", "far", uuid=p.own("host").uuid),
        ["OPERATION_NOT_ALLOWED", "Host cannot become slave of itself"],
    ),
    "the pool has this host, and this host a pool": (
        lambda p: (p.make("host", "far", uuid=p.own("host").uuid), p.make("host", uuid="second")),
        ["OPERATION_NOT_ALLOWED", "Host is already part of a pool"],
    ),
    "the joiner leads others": (
        lambda p: p.make("host", uuid="second"), ["JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS"],
    ),
    "a VM runs": (
        lambda p: p.make("VM", uuid="runs", power_state="Running"), ["JOINING_HOST_CANNOT_HAVE_RUNNING_VMS"],
    ),
    "something is being done to a VM": (busy_vm, ["JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS"]),
    "the joiner has to be restarted first": (
        lambda p: p.change(p.own("host"), pending_guidances=("reboot_host",)),
        ["HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY", "{near}"],
    ),
    "the coordinator has to be restarted first": (
        lambda p: p.change(p.own("host", "far"), pending_guidances=("reboot_host",)),
        ["HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY", "{far}"],
    ),
    "another platform version": (lambda p: p.version("near", platform_version="3.4.1"), ["HOSTS_NOT_COMPATIBLE"]),
    "another product": (lambda p: p.version("far", product_brand="Other"), ["HOSTS_NOT_COMPATIBLE"]),
    "another build": (lambda p: p.version("near", git_id="1"), ["HOSTS_NOT_HOMOGENEOUS", "Software version differs"]),
    "processors of another maker": (
        lambda p: p.change(p.own("host"), cpu_info=frozenmap({"vendor": "AuthenticAMD"})),
        ["HOSTS_NOT_HOMOGENEOUS", "CPUs differ"],
    ),
    "shared storage": (
        lambda p: p.make("SR", uuid="shared", shared=True), ["JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS"],
    ),
    "a bond": (lambda p: p.make("Bond"), ["POOL_JOINING_HOST_HAS_BONDS"]),
    "a tunnel": (lambda p: p.make("tunnel"), ["POOL_JOINING_HOST_HAS_TUNNELS"]),
    "SR-IOV": (lambda p: p.make("network_sriov"), ["POOL_JOINING_HOST_HAS_NETWORK_SRIOVS"]),
    "a VLAN that is not the management's": (
        lambda p: p.make("VLAN", tag=3), ["POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS"],
    ),
    "management on another VLAN": (
        lambda p: p.change(p.management("far"), VLAN=4), ["POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH", "-1", "4"],
    ),
    "another directory": (
        lambda p: p.change(p.own("host"), external_auth_type="AD"), ["POOL_JOINING_EXTERNAL_AUTH_MISMATCH"],
    ),
    "another edition": (
        lambda p: p.change(p.own("host", "far"), edition="premium", editions=("free", "premium")),
        ["LICENSE_HOST_POOL_MISMATCH", "The edition of the host is 'free', that of the pool is 'premium'"],
    ),
    "an edition that nobody knows": (
        lambda p: p.change(p.own("host"), edition="gold"),
        ["LICENSE_HOST_POOL_MISMATCH", "The edition 'gold' is not known to v6d"],
    ),
    "another kind of bridges": (
        lambda p: p.version("near", network_backend="bridge"), ["OPERATION_NOT_ALLOWED", "Network backends differ"],
    ),
    "another SDN controller": (
        lambda p: p.make("SDN_controller", "far", protocol="ssl", address="192.0.2.9"),
        ["OPERATION_NOT_ALLOWED", "SDN controller differs"],
    ),
    "another version of the API": (
        lambda p: p.change(p.own("host"), API_version_minor=22),
        ["POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION", "2.22", "2.23"],
    ),
    "another database schema": (
        lambda p: p.version("near", db_schema="5.1"), ["POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA", "5.1", "5.792"],
    ),
    "an update that all hosts should have": (
        another_update, ["HOSTS_NOT_HOMOGENEOUS", "Updates on local host a and pool host b differ"],
    ),
    "another kind of management address": (
        lambda p: p.change(p.management(), primary_address_type="IPv6", ipv6_configuration_mode="Static"),
        ["OPERATION_NOT_ALLOWED", "Primary address type differs"],
    ),
    "NBD with TLS here and without there": (
        lambda p: (p.change(p.own("network"), purpose=("nbd",)), p.change(p.own("network", "far"), purpose=("insecure_nbd",))),
        ["OPERATION_NOT_ALLOWED", "Incompatible network purposes: nbd and insecure_nbd"],
    ),
    "TLS is verified on one side": (
        lambda p: p.change(p.own("pool"), tls_verification_enabled=not the_pool(p.far).tls_verification_enabled),
        ["POOL_JOINING_HOST_TLS_VERIFICATION_MISMATCH"],
    ),
    "authorities of the same name": (
        lambda p: [p.make("Certificate", s, type="ca", name="a.pem", fingerprint_sha256=s) for s in ("near", "far")],
        ["POOL_JOINING_HOST_CA_CERTIFICATES_CONFLICT", "a.pem"],
    ),
    "a certificate that is trusted for something else": (
        trusted, ["POOL_JOINING_HOST_TRUSTED_CERTIFICATES_CONFLICT", "{far pin}", "{near pin}"],
    ),
    "updates are being applied to the joiner": (
        lambda p: p.change(p.own("host"), current_operations=frozenmap({"OpaqueRef:t": "apply_updates"})),
        ["NOT_SUPPORTED_DURING_UPGRADE"],
    ),
    "updates are being applied in the pool": (
        lambda p: p.change(p.own("host", "far"), current_operations=frozenmap({"OpaqueRef:t": "apply_updates"})),
        ["NOT_SUPPORTED_DURING_UPGRADE"],
    ),
    "a storage driver can do less": (
        other_driver, ["POOL_JOINING_SM_FEATURES_INCOMPATIBLE", "{far nfs}", "{near nfs}"],
    ),
    "a suspended VM": (
        lambda p: p.make("VM", uuid="asleep", power_state="Suspended"),
        ["OPERATION_NOT_ALLOWED", "The joining host has suspended VMs: resume or shut them down first"],
    ),
    "clocks differ": (
        lambda p: setattr(p, "skew", 301.0),
        ["OPERATION_NOT_ALLOWED", "The clocks of the joining host and of the pool differ: set them first"],
    ),
    "an address that may change": (
        lambda p: p.change(p.management(), ip_configuration_mode="DHCP"),
        ["OPERATION_NOT_ALLOWED", "The management address of the joining host is not static"],
    ),
    "64 hosts": (
        lambda p: [p.make("host", "far", uuid=f"h{number}") for number in range(63)],
        ["OPERATION_NOT_ALLOWED", "The pool has 64 hosts already"],
    ),
    "another port": (
        lambda p: setattr(p, "ports", (8443, 443)),
        ["OPERATION_NOT_ALLOWED", "The host answers at port 8443, and the pool at port 443: clients keep theirs"],
    ),
}  # fmt: skip
"""What is wrong, and what the join is refused with; in the order in which they are told."""


def named(pair: Pair, refusal: list[str]) -> list[str]:
    refs = {
        "{near}": lambda: pair.own("host").ref,
        "{far}": lambda: pair.own("host", "far").ref,
        "{near nfs}": lambda: pair.own("SM", type="nfs").ref,
        "{far nfs}": lambda: pair.own("SM", "far", type="nfs").ref,
        "{near pin}": lambda: pair.own("Certificate", type="pinned").ref,
        "{far pin}": lambda: pair.own("Certificate", "far", type="pinned").ref,
    }
    return [refs[word]() if word in refs else word for word in refusal]


def test_nothing_is_wrong_with_two_new_hosts(pair: Pair) -> None:
    assert pair.refusal() == []


@pytest.mark.parametrize("row", ROWS)
def test_a_host_may_not_join(pair: Pair, row: str) -> None:
    spoil, expected = ROWS[row]
    spoil(pair)
    assert pair.refusal() == named(pair, expected)


@pytest.mark.parametrize("row", ["another build", "processors of another maker"])
def test_force_passes_over_differences_of_builds_and_processors(pair: Pair, row: str) -> None:
    ROWS[row][0](pair)
    assert pair.refusal(force=True) == []


@pytest.mark.parametrize("row", ["another product", "a VM runs", "a suspended VM", "another port"])
def test_force_passes_over_nothing_else(pair: Pair, row: str) -> None:
    spoil, expected = ROWS[row]
    spoil(pair)
    assert pair.refusal(force=True) == expected


@pytest.mark.parametrize(
    ("row", "setting"),
    [
        ("a suspended VM", "join_with_suspended_vms"),
        ("clocks differ", "join_with_any_clock"),
        ("an address that may change", "join_with_any_address"),
        ("64 hosts", "join_with_any_size"),
        ("another port", "allow_mixed_ports"),
    ],
)
def test_what_manuals_ask_for_can_be_waived(pair: Pair, row: str, setting: str) -> None:
    ROWS[row][0](pair)
    pair.settings[setting] = True
    assert pair.refusal() == []


def test_strict_fidelity_waives_all_of_it(pair: Pair) -> None:
    for row in ("a suspended VM", "clocks differ", "an address that may change", "64 hosts"):
        ROWS[row][0](pair)
    assert pair.refusal()[0] == "OPERATION_NOT_ALLOWED"
    pair.settings["fidelity"] = "strict"
    assert pair.refusal() == []


def test_of_several_reasons_the_first_of_the_table_is_told(pair: Pair) -> None:
    """Spoilt from the end, so that each new fault comes before those that are there already."""
    apart = {
        "the pool has this host, and this host a pool", "the pool has a host of this uuid", "another edition", "64 hosts",
        "the pool's cluster is on a VLAN", "management on another VLAN", "no management interface is on record",
        "the coordinator has to be restarted first", "updates are being applied to the joiner",
        "the joiner has no address on the cluster's network", "a pool whose licence allows three hosts has three",
        "processors of another maker", "another kind of management address", "another directory", "another platform version",
        "HA is on at the joiner", "HA is on in the pool",
    }  # fmt: skip
    for row in reversed([row for row in ROWS if row not in apart]):
        spoil, expected = ROWS[row]
        spoil(pair)
        assert pair.refusal() == named(pair, expected), row

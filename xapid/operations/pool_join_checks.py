"""Whether a host may join a pool: every check of ``pool.join``, in the order in which clients see the refusals.

Most are the reference server's. Those at the end are what the manuals of such pools ask for beside them; each is waived by a
setting (``join-with-…``), and ``fidelity = "strict"`` turns them all off. Checks see the joiner as ``db``, and the pool as the
records that it gave out. Two of the codes are in no list of the API's errors; the reference server gives them all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import attrs

from xapid.config import Config
from xapid.database import Database, Row
from xapid.datamodel.errors import XenAPIError
from xapid.datamodel.types import NULL_REF
from xapid.operations.cabling import the_pool

MOST_HOSTS: Final = 64
SKEW: Final = 300.0
"""Seconds; a host whose clock is further off would be an alert as soon as it has joined."""
MOST_WITH_POOL_SIZE: Final = 3
CLASSES: Final = (
    "pool", "host", "PIF", "network", "VLAN", "Bond", "SM", "Certificate", "Cluster", "Cluster_host", "SDN_controller",
    "pool_update", "pool_patch",
)  # fmt: skip
"""Classes of which the pool is asked for all records."""

Records = dict[str, dict[str, Any]]


@attrs.frozen(kw_only=True)
class Facts:
    """The joiner, and what the pool said of itself."""

    db: Database
    config: Config
    far: dict[str, Records]
    """Records of the pool's objects by class and reference."""
    skew: float
    """Seconds between the clocks of the two coordinators."""
    ports: tuple[int, int]
    """Where the joiner and the pool's coordinator answer."""
    force: bool

    @property
    def host(self) -> Row:
        """The joiner's own host."""
        return self.db.get("host", the_pool(self.db).master)

    @property
    def far_pool(self) -> dict[str, Any]:
        """The pool's record."""
        return next(iter(self.far["pool"].values()))

    @property
    def far_host(self) -> dict[str, Any]:
        """The record of the pool's coordinator."""
        return self.far["host"][self.far_pool["master"]]

    @property
    def management(self) -> Row | None:
        """The joiner's management interface."""
        return next((pif for pif in self.db.table("PIF") if pif.management and pif.host == self.host.ref), None)

    @property
    def far_management(self) -> dict[str, Any]:
        """The coordinator's management interface."""
        pifs = self.far["PIF"].values()
        return next((pif for pif in pifs if pif["management"] and pif["host"] == self.far_pool["master"]), {})

    def vms(self) -> Iterator[Row]:
        """The joiner's VMs, without control domains and templates."""
        return (vm for vm in self.db.table("VM") if not vm.is_control_domain and not vm.is_a_template)


Check = Callable[[Facts], XenAPIError | None]
"""What the join is refused with, if it is."""


def check(facts: Facts) -> None:
    """Errors: that of the first check that fails."""
    for passes in CHECKS:
        refusal = passes(facts)
        if refusal is not None:
            raise refusal


def _licensed_size(facts: Facts) -> XenAPIError | None:
    restricted = facts.far_pool["restrictions"].get("restrict_pool_size") == "true"
    return (
        XenAPIError("LICENCE_RESTRICTION", "Pool_size")
        if restricted and len(facts.far["host"]) >= MOST_WITH_POOL_SIZE
        else None
    )


def _booted(facts: Facts) -> XenAPIError | None:
    return XenAPIError("HOST_STILL_BOOTING") if facts.management is None else None


def _no_ha(facts: Facts) -> XenAPIError | None:
    return XenAPIError("HA_IS_ENABLED") if the_pool(facts.db).ha_enabled else None


def _no_cluster(facts: Facts) -> XenAPIError | None:
    enabled = next((row.ref for row in facts.db.table("Cluster_host") if row.enabled), None)
    return None if enabled is None else XenAPIError("CLUSTERING_ENABLED", enabled)


def _can_join_cluster(facts: Facts) -> XenAPIError | None:
    """The pool's cluster takes in hosts by itself: over an untagged network, to which the joiner has one address."""
    for ref, cluster in facts.far["Cluster"].items():
        nodes = [node for node in facts.far["Cluster_host"].values() if node["cluster"] == ref]
        if not cluster["pool_auto_join"] or not nodes:
            continue
        pif = facts.far["PIF"].get(nodes[0]["PIF"])
        if pif is None:
            continue
        if int(pif["VLAN"]) >= 0 and not pif["management"]:
            raise XenAPIError("POOL_JOINING_POOL_CANNOT_ENABLE_CLUSTERING_ON_VLAN_NETWORK", str(pif["VLAN"]))
        bridges = set(_bridges(facts, pif))
        own = [near for near in facts.db.table("PIF") if near.IP and facts.db.get("network", near.network).bridge in bridges]
        if len(own) != 1:
            raise XenAPIError.relayed("POOL_JOINING_HOST_MUST_HAVE_ONLY_ONE_IP_ON_CLUSTERING_NETWORK")
    return None


def _bridges(facts: Facts, pif: dict[str, Any]) -> Iterator[str]:
    """The bridge of an interface of the pool; of a bond, those of its members too."""
    yield facts.far["network"][pif["network"]]["bridge"]
    for bond in pif["bond_master_of"]:
        for member in facts.far["Bond"].get(bond, {}).get("slaves", []):
            yield facts.far["network"][facts.far["PIF"][member]["network"]]["bridge"]


def _no_far_ha(facts: Facts) -> XenAPIError | None:
    return XenAPIError("HA_IS_ENABLED") if facts.far_pool["ha_enabled"] else None


def _not_there_yet(facts: Facts) -> XenAPIError | None:
    if facts.host.uuid not in {host["uuid"] for host in facts.far["host"].values()}:
        return None
    several = len(facts.db.table("host")) > 1
    text = "Host is already part of a pool" if several else "Host cannot become slave of itself"
    return XenAPIError("OPERATION_NOT_ALLOWED", text)


def _alone(facts: Facts) -> XenAPIError | None:
    return XenAPIError("JOINING_HOST_CANNOT_BE_MASTER_OF_OTHER_HOSTS") if len(facts.db.table("host")) > 1 else None


def _nothing_runs(facts: Facts) -> XenAPIError | None:
    running = any(vm.power_state == "Running" for vm in facts.db.table("VM") if not vm.is_control_domain)
    return XenAPIError.relayed("JOINING_HOST_CANNOT_HAVE_RUNNING_VMS") if running else None


def _nothing_under_way(facts: Facts) -> XenAPIError | None:
    busy = any(vm.current_operations for vm in facts.db.table("VM"))
    return XenAPIError("JOINING_HOST_CANNOT_HAVE_VMS_WITH_CURRENT_OPERATIONS") if busy else None


def _no_guidance(facts: Facts) -> XenAPIError | None:
    if facts.host.pending_guidances:
        return XenAPIError("HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY", facts.host.ref)
    if facts.far_host["pending_guidances"]:
        return XenAPIError("HOST_PENDING_MANDATORY_GUIDANCE_NOT_EMPTY", facts.far_pool["master"])
    return None


def _compatible(facts: Facts) -> XenAPIError | None:
    near, far = facts.host.software_version, facts.far_host["software_version"]
    same = near.get("platform_version") == far.get("platform_version") and _brand(near) == _brand(far)
    return None if same else XenAPIError("HOSTS_NOT_COMPATIBLE")


def _brand(version: Any) -> Any:
    return version.get("product_brand") or version.get("platform_name")


def _homogeneous(facts: Facts) -> XenAPIError | None:
    """What ``join_force`` passes over."""
    if facts.force:
        return None
    near, far = facts.host.software_version, facts.far_host["software_version"]
    if _software(near) != _software(far):
        return XenAPIError("HOSTS_NOT_HOMOGENEOUS", "Software version differs")
    if facts.host.cpu_info.get("vendor") != facts.far_pool["cpu_info"].get("vendor"):
        return XenAPIError("HOSTS_NOT_HOMOGENEOUS", "CPUs differ")
    return None


def _software(version: Any) -> tuple[Any, ...]:
    return version.get("xapi"), _brand(version), version.get("git_id"), "xs:linux" in version


def _no_shared_srs(facts: Facts) -> XenAPIError | None:
    shared = any(sr.shared and not sr.is_tools_sr for sr in facts.db.table("SR"))
    return XenAPIError("JOINING_HOST_CANNOT_CONTAIN_SHARED_SRS") if shared else None


def _empty(cls: str, code: str) -> Check:
    return lambda facts: XenAPIError(code) if len(facts.db.table(cls)) else None


def _only_management_vlan(facts: Facts) -> XenAPIError | None:
    management = facts.management
    own = NULL_REF if management is None else management.VLAN_master_of
    others = any(vlan.ref != own for vlan in facts.db.table("VLAN"))
    return XenAPIError("POOL_JOINING_HOST_HAS_NON_MANAGEMENT_VLANS") if others else None


def _same_vlan(facts: Facts) -> XenAPIError | None:
    near = -1 if facts.management is None else facts.management.VLAN
    far = int(facts.far_management.get("VLAN", -1))
    if near == far:
        return None
    return XenAPIError("POOL_JOINING_HOST_MANAGEMENT_VLAN_DOES_NOT_MATCH", str(near), str(far))


def _same_directory(facts: Facts) -> XenAPIError | None:
    near, far = facts.host, facts.far_host
    same = near.external_auth_type == far["external_auth_type"] and (
        near.external_auth_service_name.lower() == far["external_auth_service_name"].lower()
    )
    return None if same else XenAPIError("POOL_JOINING_EXTERNAL_AUTH_MISMATCH")


def _same_edition(facts: Facts) -> XenAPIError | None:
    near, far = facts.host.edition, facts.far_host["edition"]
    if near == far:
        return None
    text = f"The edition of the host is '{near}', that of the pool is '{far}'"
    if near not in facts.far_host["editions"]:
        text = f"The edition '{near}' is not known to v6d"
    return XenAPIError.relayed("LICENSE_HOST_POOL_MISMATCH", text)


def _same_network_backend(facts: Facts) -> XenAPIError | None:
    near = facts.host.software_version.get("network_backend")
    if near != facts.far_host["software_version"].get("network_backend"):
        return XenAPIError("OPERATION_NOT_ALLOWED", "Network backends differ")
    own = {(row.address, row.protocol) for row in facts.db.table("SDN_controller")}
    far = {(row["address"], row["protocol"]) for row in facts.far["SDN_controller"].values()}
    if near == "openvswitch" and own != far:
        return XenAPIError("OPERATION_NOT_ALLOWED", "SDN controller differs")
    return None


def _same_api(facts: Facts) -> XenAPIError | None:
    near = f"{facts.host.API_version_major}.{facts.host.API_version_minor}"
    far = f"{facts.far_host['API_version_major']}.{facts.far_host['API_version_minor']}"
    return None if near == far else XenAPIError("POOL_JOINING_HOST_MUST_HAVE_SAME_API_VERSION", near, far)


def _same_schema(facts: Facts) -> XenAPIError | None:
    near = facts.host.software_version.get("db_schema", "")
    far = facts.far_host["software_version"].get("db_schema", "")
    return None if near == far else XenAPIError("POOL_JOINING_HOST_MUST_HAVE_SAME_DB_SCHEMA", near, far)


def _same_updates(facts: Facts) -> XenAPIError | None:
    near = {row.uuid for row in facts.db.table("pool_update") if row.enforce_homogeneity and facts.host.ref in row.hosts}
    far = {
        row["uuid"]
        for row in facts.far["pool_update"].values()
        if row["enforce_homogeneity"] and facts.far_pool["master"] in row["hosts"]
    }
    if near == far:
        return None
    text = f"Updates on local host {facts.host.name_label} and pool host {facts.far_host['name_label']} differ"
    return XenAPIError("HOSTS_NOT_HOMOGENEOUS", text)


def _same_address_type(facts: Facts) -> XenAPIError | None:
    near = "" if facts.management is None else facts.management.primary_address_type
    far = facts.far_management.get("primary_address_type", near)
    return None if near.lower() == far.lower() else XenAPIError("OPERATION_NOT_ALLOWED", "Primary address type differs")


def _same_kind_of_nbd(facts: Facts) -> XenAPIError | None:
    near = {purpose for row in facts.db.table("network") for purpose in row.purpose}
    far = {purpose for row in facts.far["network"].values() for purpose in row["purpose"]}
    if {"nbd", "insecure_nbd"} <= near | far:
        return XenAPIError("OPERATION_NOT_ALLOWED", "Incompatible network purposes: nbd and insecure_nbd")
    return None


def _same_tls_verification(facts: Facts) -> XenAPIError | None:
    same = the_pool(facts.db).tls_verification_enabled == facts.far_pool["tls_verification_enabled"]
    return None if same else XenAPIError("POOL_JOINING_HOST_TLS_VERIFICATION_MISMATCH")


def _no_conflict_of_authorities(facts: Facts) -> XenAPIError | None:
    far = {row["name"]: _fingerprint(row) for row in facts.far["Certificate"].values() if row["type"] == "ca" and row["name"]}
    near = {row.name: row.fingerprint_sha256 or row.fingerprint for row in _certificates(facts.db, ("ca",)) if row.name}
    names = sorted(name for name in near.keys() & far.keys() if near[name] != far[name])
    return XenAPIError.relayed("POOL_JOINING_HOST_CA_CERTIFICATES_CONFLICT", *names) if names else None


def _no_conflict_of_trust(facts: Facts) -> XenAPIError | None:
    for ref, far in facts.far["Certificate"].items():
        for near in _certificates(facts.db, ("ca", "pinned")):
            if near.name or far["name"] or near.type != far["type"]:
                continue
            same = (near.fingerprint_sha256 or near.fingerprint) == _fingerprint(far)
            purposes = set(near.purpose), set(far["purpose"])
            if same and purposes[0] != purposes[1] and (not all(purposes) or purposes[0] & purposes[1]):
                return XenAPIError("POOL_JOINING_HOST_TRUSTED_CERTIFICATES_CONFLICT", ref, near.ref)
    return None


def _certificates(db: Database, types: Iterable[str]) -> list[Row]:
    return [row for row in db.table("Certificate") if row.type in types]


def _fingerprint(certificate: dict[str, Any]) -> str:
    return str(certificate.get("fingerprint_sha256") or certificate.get("fingerprint", ""))


def _no_updates(facts: Facts) -> XenAPIError | None:
    near = [*facts.host.current_operations.values(), *the_pool(facts.db).current_operations.values()]
    far = [*facts.far_host["current_operations"].values(), *facts.far_pool["current_operations"].values()]
    return XenAPIError("NOT_SUPPORTED_DURING_UPGRADE") if "apply_updates" in (*near, *far) else None


def _same_storage_drivers(facts: Facts) -> XenAPIError | None:
    own = {row.type: row for row in facts.db.table("SM")}
    for ref, far in facts.far["SM"].items():
        near = own.get(far["type"])
        if near is None or not set(far["features"]) <= set(near.features):
            return XenAPIError("POOL_JOINING_SM_FEATURES_INCOMPATIBLE", ref, "" if near is None else near.ref)
    return None


# What manuals ask for ---------------------------------------------------------------------------------------------------


def _asked(setting: str, text: str, fails: Callable[[Facts], bool]) -> Check:
    """A check that a setting can turn off."""

    def passes(facts: Facts) -> XenAPIError | None:
        wanted = facts.config.fidelity != "strict" and not getattr(facts.config, setting)
        return XenAPIError("OPERATION_NOT_ALLOWED", text) if wanted and fails(facts) else None

    return passes


def _has_suspended(facts: Facts) -> bool:
    return any(vm.power_state == "Suspended" for vm in facts.vms())


def _has_wrong_clock(facts: Facts) -> bool:
    return facts.skew > SKEW


def _has_no_static_address(facts: Facts) -> bool:
    pif = facts.management
    mode = (
        "" if pif is None else pif.ipv6_configuration_mode if pif.primary_address_type == "IPv6" else pif.ip_configuration_mode
    )
    return mode.lower() not in ("static", "autoconf")


def _same_port(facts: Facts) -> XenAPIError | None:
    near, far = facts.ports
    if near == far or facts.config.allow_mixed_ports:
        return None
    return XenAPIError(
        "OPERATION_NOT_ALLOWED", f"The host answers at port {near}, and the pool at port {far}: clients keep theirs"
    )


CHECKS: Final[tuple[Check, ...]] = (
    _licensed_size,
    _booted,
    _no_ha,
    _no_cluster,
    _can_join_cluster,
    _no_far_ha,
    _not_there_yet,
    _alone,
    _nothing_runs,
    _nothing_under_way,
    _no_guidance,
    _compatible,
    _homogeneous,
    _no_shared_srs,
    _empty("Bond", "POOL_JOINING_HOST_HAS_BONDS"),
    _empty("tunnel", "POOL_JOINING_HOST_HAS_TUNNELS"),
    _empty("network_sriov", "POOL_JOINING_HOST_HAS_NETWORK_SRIOVS"),
    _only_management_vlan,
    _same_vlan,
    _same_directory,
    _same_edition,
    _same_network_backend,
    _same_api,
    _same_schema,
    _same_updates,
    _same_address_type,
    _same_kind_of_nbd,
    _same_tls_verification,
    _no_conflict_of_authorities,
    _no_conflict_of_trust,
    _no_updates,
    _same_storage_drivers,
    _asked("join_with_suspended_vms", "The joining host has suspended VMs: resume or shut them down first", _has_suspended),
    _asked("join_with_any_clock", "The clocks of the joining host and of the pool differ: set them first", _has_wrong_clock),
    _asked("join_with_any_address", "The management address of the joining host is not static", _has_no_static_address),
    _asked(
        "join_with_any_size", f"The pool has {MOST_HOSTS} hosts already", lambda facts: len(facts.far["host"]) >= MOST_HOSTS
    ),
    _same_port,
)  # fmt: skip

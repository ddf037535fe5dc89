"""What a pool derives from all of its hosts: the processor features that they share, and what their licences restrict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

from xapid.agent.values import HostFacts
from xapid.database import Database, Row, Transaction
from xapid.datamodel.types import frozenmap
from xapid.operations.cabling import the_pool

_RESTRICT = "restrict_"
_GRANT = "enable_xha"


def level_pool(tx: Transaction, db: Database) -> None:
    """Bring ``pool.cpu_info`` and ``pool.restrictions`` in line with the hosts that there are."""
    hosts = db.table("host").rows()
    pool, level = the_pool(db), {"cpu_info": cpu_level(hosts), "restrictions": restrictions(hosts)}
    if any(getattr(pool, name) != value for name, value in level.items()):
        tx.update(pool, **level)


def host_cpus(info: Mapping[str, str]) -> list[dict[str, Any]]:
    """The fields of a host's ``host_cpu`` objects, one for each logical processor that ``cpu_info`` tells of."""
    words = {name: info.get(name, "") for name in ("vendor", "modelname", "stepping", "flags")}
    numbers = {name: int(float(info.get(name, 0))) for name in ("speed", "family", "model")}
    features = info.get("features_hvm", info.get("features", ""))
    count = int(info.get("cpu_count", 0))
    return [{"number": n, "features": features, "utilisation": 0.0, **words, **numbers} for n in range(count)]


def take_facts(tx: Transaction, db: Database, host: Row, facts: HostFacts) -> None:
    """A host has come (back), and its agent tells of its processors and its software: record and level follow."""
    info, software = facts["cpu_info"], facts["software_version"]
    if software and dict(host.software_version) != software:
        tx.update(host, software_version=frozenmap(software))
    if dict(host.cpu_info) != dict(info):
        tx.update(host, cpu_info=frozenmap(info))
        for ref in host.host_CPUs:
            tx.destroy(ref)
        for fields in host_cpus(info):
            tx.create("host_cpu", host=host.ref, **fields)
    level_pool(tx, db)


def cpu_level(hosts: list[Row]) -> frozenmap:
    """The processors of a pool: counts added up, features that every host has."""
    infos = [host.cpu_info for host in hosts if host.cpu_info]
    hvm = [host.cpu_info for host in hosts if any(word.startswith("hvm") for word in host.capabilities)]
    level = {
        "vendor": infos[-1].get("vendor", "") if infos else "",
        "socket_count": str(sum(int(info.get("socket_count", 0)) for info in infos)),
        "cpu_count": str(sum(int(info.get("cpu_count", 0)) for info in infos)),
        "features_pv_host": common_features(info["features_pv_host"] for info in infos if "features_pv_host" in info),
        "features_hvm_host": common_features(info["features_hvm_host"] for info in hvm if "features_hvm_host" in info),
    }
    return frozenmap({**level, "features_pv": level["features_pv_host"], "features_hvm": level["features_hvm_host"]})


def common_features(words: Iterable[str]) -> str:
    """The features in all of several strings of 32-bit words; a shorter one lacks what it does not mention."""
    sets = [[int(word, 16) for word in text.split("-")] for text in words if text]
    if not sets:
        return ""
    return "-".join(f"{word:08x}" for word in reduce(_both, sets))


def restrictions(hosts: list[Row]) -> frozenmap:
    """A feature is restricted in a pool if any host's licence restricts it. HA has a key that says the opposite."""
    licences = [host.license_params for host in hosts]
    names = dict.fromkeys(key for licence in licences for key in licence if key.startswith(_RESTRICT))
    found = {name: _word(any(licence.get(name) == "true" for licence in licences)) for name in names}
    if any(_GRANT in licence for licence in licences):
        found[_GRANT] = _word(all(licence.get(_GRANT) == "true" for licence in licences))
    return frozenmap(found)


def _word(value: bool) -> str:
    return "true" if value else "false"


def _both(one: list[int], other: list[int]) -> list[int]:
    length = max(len(one), len(other))
    padded = ([*words, *[0] * (length - len(words))] for words in (one, other))
    return [a & b for a, b in zip(*padded, strict=True)]

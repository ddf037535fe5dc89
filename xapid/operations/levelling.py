"""What a pool derives from all of its hosts: the processor features that they share, and what their licences restrict."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from xapid.database import Database, Row, Transaction
from xapid.datamodel.types import frozenmap
from xapid.operations.cabling import the_pool

_RESTRICT = "restrict_"


def level_pool(tx: Transaction, db: Database) -> None:
    """Bring ``pool.cpu_info`` and ``pool.restrictions`` in line with the hosts that there are."""
    hosts = db.table("host").rows()
    tx.update(the_pool(db), cpu_info=cpu_level(hosts), restrictions=restrictions(hosts))


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
    """A feature is restricted in a pool if any host's licence restricts it."""
    names = dict.fromkeys(key for host in hosts for key in host.license_params if key.startswith(_RESTRICT))
    return frozenmap(
        {name: "true" if any(host.license_params.get(name) == "true" for host in hosts) else "false" for name in names}
    )


def _both(one: list[int], other: list[int]) -> list[int]:
    length = max(len(one), len(other))
    padded = ([*words, *[0] * (length - len(words))] for words in (one, other))
    return [a & b for a, b in zip(*padded, strict=True)]

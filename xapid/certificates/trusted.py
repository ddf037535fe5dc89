"""What a daemon trusts beside the hosts of its pool: certificates of authorities and of single servers, and revocation lists.

Kept as files, a folder for each kind, so that an administrator and other programs can read them; ``bundle.pem`` holds all
authorities. Without a directory all of it is in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, get_args

import attrs
from cryptography import x509
from OpenSSL import crypto

from xapid.whole_files import write_whole

Kind = Literal["ca", "pinned", "crl"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
BUNDLE: Final = "bundle.pem"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")


@attrs.frozen
class Trusted:
    """One of them."""

    kind: Kind
    name: str
    pem: str


class TrustStore:
    """All of them."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._held: dict[tuple[Kind, str], str] = {}
        if directory is not None:
            for kind in KINDS:
                folder = directory / kind
                for path in sorted(folder.glob("*")) if folder.is_dir() else ():
                    if _NAME.fullmatch(path.name):
                        self._held[kind, path.name] = path.read_text(encoding="ascii", errors="replace")

    def all(self) -> list[Trusted]:
        """Every one, by kind and name."""
        return [Trusted(kind, name, pem) for (kind, name), pem in sorted(self._held.items())]

    def put(self, kind: Kind, name: str, pem: str) -> None:
        """Trust one more, in place of the one of that name. Raises ValueError for a name that is none."""
        if kind not in KINDS or not _NAME.fullmatch(name):
            raise ValueError(f"{kind} {name}")
        if self._held.get((kind, name)) == pem:
            return
        if self._directory is not None:
            folder = self._directory / kind
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(folder / name, pem.encode())
        self._held[kind, name] = pem
        self._changed(kind)

    def remove(self, kind: Kind, name: str) -> None:
        """Trust one no longer; nothing happens if there is none."""
        if self._held.pop((kind, name), None) is None:
            return
        if self._directory is not None:
            (self._directory / kind / name).unlink(missing_ok=True)
        self._changed(kind)

    def replace(self, wanted: Iterable[Trusted]) -> None:
        """Trust these and no others."""
        named = {(each.kind, each.name): each for each in wanted}
        for kind, name in [key for key in self._held if key not in named]:
            self.remove(kind, name)
        for each in named.values():
            self.put(each.kind, each.name, each.pem)

    def _changed(self, kind: Kind) -> None:
        if kind == "ca" and self._directory is not None:
            authorities = (each.pem.strip() + "\n" for each in self.all() if each.kind == "ca")
            write_whole(self._directory / BUNDLE, "".join(authorities).encode())

    def authorities(self) -> list[x509.Certificate]:
        """Those that vouch for others."""
        return [certificate for each in self.all() if each.kind == "ca" for certificate in _certificates(each.pem)]

    def vouches_for(self, leaf: x509.Certificate, chain: Sequence[x509.Certificate], now: datetime) -> bool:
        """Whether an authority stands behind a certificate that somebody presented, and none of its lists takes it back."""
        held = self.all()
        revoked = [
            revocations
            for each in held
            if each.kind == "crl"
            for revocations in [x509.load_pem_x509_crl(each.pem.encode())]
            if revocations.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None
        ]
        if any(revocations.issuer == leaf.issuer for revocations in revoked):
            return False
        return is_vouched_for(leaf, chain, self.authorities(), now)


def is_vouched_for(
    leaf: x509.Certificate, chain: Sequence[x509.Certificate], authorities: Sequence[x509.Certificate], now: datetime
) -> bool:
    """Whether ``leaf`` holds now, and is one of ``authorities`` or comes from one of them, over ``chain`` if need be."""
    store = crypto.X509Store()
    for authority in authorities:
        store.add_cert(crypto.X509.from_cryptography(authority))
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    store.set_time(now)
    between = [crypto.X509.from_cryptography(each) for each in chain]
    try:
        crypto.X509StoreContext(store, crypto.X509.from_cryptography(leaf), between).verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True


def _certificates(pem: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return []

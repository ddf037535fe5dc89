"""Keys and certificates made by ``openssl``, since libraries refuse to make what is unsound."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

_CONFIG = """
[ca]
default_ca = a
[a]
database = issued
new_certs_dir = .
unique_subject = no
rand_serial = yes
policy = any
[any]
commonName = supplied
"""


class Maker:
    """Makes each thing once, and keeps it in ``folder``."""

    def __init__(self, openssl: str, folder: Path) -> None:
        self._openssl = openssl
        self.folder = folder
        (folder / "config").write_text(_CONFIG)
        (folder / "issued").touch()

    def run(self, *arguments: str, say: str | None = None) -> str:
        """What ``openssl`` says. Raises subprocess.CalledProcessError."""
        command = [self._openssl, *arguments]
        done = subprocess.run(
            command, input=say, capture_output=True, text=True, timeout=60, check=False, cwd=self.folder, errors="replace"
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr}"
        return done.stdout

    def key(self, name: str, *how: str) -> str:
        """A private key in PKCS#8; ``how`` is what ``genpkey`` takes, RSA of 2,048 bits if it is nothing."""
        path = self.folder / f"{name}.key"
        if not path.exists():
            self.run("genpkey", *(how or ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")), "-out", path.name)
        return path.read_text()

    def certificate(
        self, name: str, key: str, *how: str, by: str = "", days: tuple[int, int] = (-1, 1), subject: str = ""
    ) -> str:
        """A certificate for the key of that name, signed with it or with that of ``by``; ``days`` count from now."""
        path = self.folder / f"{name}.pem"
        if not path.exists():
            start, end = (f"{datetime.now(UTC) + timedelta(days=day):%Y%m%d%H%M%SZ}" for day in days)
            signer = ("-cert", f"{by}.pem", "-keyfile", f"{by}.key") if by else ("-selfsign", "-keyfile", f"{key}.key")
            self.run("req", "-new", "-key", f"{key}.key", "-subj", f"/CN={subject or name}", "-out", f"{name}.csr")
            self.run(
                "ca", "-batch", "-notext", "-config", "config", "-in", f"{name}.csr", "-out", path.name,
                *signer, "-startdate", start, "-enddate", end, *(how or ("-md", "sha256")),
            )  # fmt: skip
        return path.read_text()

    def der(self, kind: str, pem: str) -> bytes:
        """The same without its armour; ``kind`` is ``x509`` or ``pkey``."""
        command = [self._openssl, kind, "-outform", "DER"]
        return subprocess.run(command, input=pem.encode(), capture_output=True, check=True, timeout=60).stdout

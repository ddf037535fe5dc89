"""Makes repositories of updates, as ``createrepo`` and those who write ``updateinfo.xml`` make them."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

PRIMARY = """<?xml version="1.0"?><metadata xmlns="http://linux.duke.edu/metadata/common"
 xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="3">{}</metadata>"""
PACKAGE = """<package type="rpm"><name>{0}</name><arch>x86_64</arch><version epoch="0" ver="{1}" rel="{2}"/>
<location href="Packages/{0}-{1}-{2}.x86_64.rpm"/></package>"""
UPDATEINFO = """<?xml version="1.0"?><updates>
<update type="security"><id>UPDATE-1</id><summary>Mends a hole</summary><description>more</description>
 <special_info>s</special_info><url>https://example.test/1</url><severity>High</severity>
 <issued date="2025-03-04 05:06:07 UTC"/>
 <guidance><mandatory><value>RestartToolstack</value></mandatory><recommended><value>EvacuateHost</value></recommended>
  <full><value>RebootHost</value><value>RestartVM</value></full><odd/></guidance>
 <livepatches><livepatch component="kernel" base-buildid="abc" base="4.19-1" to="4.19-2"/>
  <livepatch component="x"/></livepatches>
 <pkglist><collection><package name="kernel" epoch="0" version="4.19" release="2" arch="x86_64"/></collection></pkglist>
</update>
<update type="bugfix"><id>UPDATE-2</id><summary>Mends a bug</summary>
 <guidance><mandatory><value>RebootHost</value></mandatory></guidance>
 <guidance_applicabilities><applicability><name>xen</name><arch>x86_64</arch><inequality>lt</inequality><epoch>0</epoch>
  <version>4.17</version><release>5</release></applicability></guidance_applicabilities>
 <pkglist><collection><package name="xen" version="4.17" release="6" arch="x86_64"/></collection></pkglist>
</update></updates>"""
PACKAGES = [("kernel", "4.19", "1"), ("kernel", "4.19", "2"), ("xen", "4.17", "3"), ("xen", "4.17", "6")]


def make(directory: Path, updateinfo: str = UPDATEINFO, packages=PACKAGES) -> str:
    """A repository in ``directory``; returns the checksum of its updates."""
    (directory / "repodata").mkdir(parents=True, exist_ok=True)
    (directory / "Packages").mkdir(exist_ok=True)
    (directory / "Packages" / "xen-4.17-6.x86_64.rpm").write_bytes(b"a package")
    parts = {"primary": PRIMARY.format("".join(PACKAGE.format(*each) for each in packages)), "updateinfo": updateinfo}
    data, checksums = [], {}
    for kind, text in parts.items():
        packed = gzip.compress(text.encode(), mtime=0)
        (directory / "repodata" / f"{kind}.xml.gz").write_bytes(packed)
        checksums[kind] = hashlib.sha256(packed).hexdigest()
        data.append(
            f'<data type="{kind}"><checksum type="sha256">{checksums[kind]}</checksum>'
            f'<location href="repodata/{kind}.xml.gz"/></data>'
        )
    repomd = f'<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>1</revision>{"".join(data)}</repomd>'
    (directory / "repodata" / "repomd.xml").write_text(repomd)
    return checksums["updateinfo"]

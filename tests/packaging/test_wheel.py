"""The wheel, installed where nothing else is, is a whole xapid."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def run(*command: object, **options: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that nothing is left in the tree."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    files = run("git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    for name in filter(None, files):
        if name.startswith(("xapid/", "plugins/")) or "/" not in name:
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", out, source)
    (built,) = out.glob("*.whl")
    return built


def test_it_holds_the_package_the_plugins_and_the_license_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    beside = [name for name in names if not name.startswith(("xapid/", "xapid_plugins/")) and ".dist-info/" not in name]
    assert [name.partition(".data/")[2] for name in beside] == ["data/share/bash-completion/completions/xe"]
    assert "xapid/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    console = {f"xapid/http/web/{path.name}" for path in (ROOT / "xapid" / "http" / "web").iterdir()}
    assert {"xapid/http/web/index.html", "xapid/http/web/NOTICES.txt"} <= console <= set(names)
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "xapid").rglob("*.py")}
    assert sources <= set(names)
    shipped = {path.name for path in (ROOT / "plugins").iterdir() if path.is_file()}
    assert {f"xapid_plugins/{name}" for name in shipped} <= set(names)
    assert not [name for name in names if name.endswith((".key", ".pem"))]


def test_its_metadata_comes_from_setup_cfg(wheel):
    archive = zipfile.ZipFile(wheel)
    (metadata,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    assert "License-Expression: Apache-2.0 AND MIT AND MPL-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata
    for extra in ("metrics", "xva", "ldap", "tracing", "ipmi", "report", "all", "test", "dev"):
        assert f"Provides-Extra: {extra}" in metadata
    assert "Requires-Dist: twisted" in metadata


def test_installed_in_a_fresh_environment_it_explains_itself_and_serves(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    python, xapid = tmp_path / "env" / "bin" / "python", tmp_path / "env" / "bin" / "xapid"
    run(python, "-m", "pip", "install", "--quiet", wheel)
    assert "serve" in run(xapid, "--help", cwd=tmp_path)
    assert run(python, "-c", "import xapid, xapid_plugins; print(xapid.__file__)", cwd=tmp_path).startswith(str(tmp_path))

    clean = {key: value for key, value in os.environ.items() if not key.startswith("XAPID_")}
    command = [xapid, "serve", "--port", "0", "--ready-json", "--state", tmp_path / "state", "--preset", "standalone"]
    with subprocess.Popen(command, cwd=tmp_path, env=clean, stdout=subprocess.PIPE) as daemon:
        ready = json.loads(daemon.stdout.readline())
        password = (tmp_path / "state" / "initial-password").read_text().strip()
        script = (
            "import sys, XenAPI\n"
            "session = XenAPI.Session(sys.argv[1], ignore_ssl=True)\n"
            "session.xenapi.login_with_password('root', sys.argv[2], '2.23', 'test')\n"
            "print(len(session.xenapi.host.get_all()))\n"
        )
        assert run(python, "-c", script, ready["url"], password, cwd=tmp_path).strip() == "1"
        assert ready["pid"] == daemon.pid
        assert ready["state"] == str(tmp_path / "state")
        daemon.terminate()
        assert daemon.wait(20) == 0

"""What is served is what the sources build to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from xapid.http.web_console import DIRECTORY

ROOT = Path(__file__).parent.parent.parent


def run(*command: str, directory: Path) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def sources(tmp_path_factory, tool) -> Path:
    """A copy of the sources, with the tools that the lock file names and nothing else."""
    copy = tmp_path_factory.mktemp("web")
    files = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "web", directory=ROOT).split("\0")
    for name in filter(None, files):
        target = copy / Path(name).relative_to("web")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    run(tool("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts", directory=copy)
    return copy


def test_the_built_files_in_the_tree_are_those_that_the_sources_give(sources: Path, tool, tmp_path: Path) -> None:
    run(tool("node"), "build.mjs", str(tmp_path / "out"), directory=sources)
    built = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    kept = {path.name: path.read_bytes() for path in DIRECTORY.iterdir()}
    assert built.keys() == kept.keys()
    assert [name for name in built if built[name] != kept[name]] == [], "run `make web` and commit what it makes"


def test_the_sources_agree_with_the_types_of_the_api(sources: Path, tool) -> None:
    records = run(sys.executable, str(ROOT / "web" / "records.py"), directory=ROOT)
    (sources / "src" / "records.ts").write_text(records)
    run(tool("npm"), "run", "--silent", "check", directory=sources)


def test_the_lock_file_names_no_registry() -> None:
    assert "resolved" not in (ROOT / "web" / "package-lock.json").read_text()

"""What may be installed: lower bounds leave out versions with weaknesses that we know of. No network is needed for that."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

MENDED_IN = {
    "cryptography": "44.0.1",  # CVE-2024-12797
    "twisted": "24.7.0",  # CVE-2024-41671, CVE-2024-41810
    "lxml": "4.9.1",  # CVE-2022-2309
    "orjson": "3.9.15",  # CVE-2024-27454
}
"""The first version without the weakness, by package."""


def bounds() -> dict[str, str]:
    config = configparser.ConfigParser()
    config.read(Path(__file__).parents[2] / "setup.cfg")
    extras = "\n".join(config["options.extras_require"].values())
    lines = f"{config['options']['install_requires']}\n{extras}"
    return {name.lower(): version for name, version in re.findall(r"^([\w.-]+)>=([\d.]+)", lines, re.MULTILINE)}


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


@pytest.mark.parametrize("package", MENDED_IN)
def test_versions_with_known_weaknesses_are_not_installed(package: str) -> None:
    assert numbers(bounds()[package]) >= numbers(MENDED_IN[package])


def test_nothing_is_unpickled_or_evaluated() -> None:
    source = Path(__file__).parents[2] / "xapid"
    for path in source.rglob("*.py"):
        text = path.read_text()
        assert not re.search(r"^\s*(import|from) (pickle|marshal|shelve|dill)\b", text, re.MULTILINE), path
        assert not re.search(r"(?<![\w.])(eval|exec)\(", text), path
        assert "shell=True" not in text, path

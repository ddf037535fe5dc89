"""What the documents promise: their examples run, their tables name what there is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xmlrpc.client

import attrs
import pytest
import XenAPI

from documents import ROOT, block
from xapid.agent.simulator import guest
from xapid.config import flag, settings
from xapid.inventory.presets import PRESETS, Counts
from xapid.testing.processes import PASSWORD, unverified

DOCUMENTS = [path for folder in (ROOT, ROOT / "docs", ROOT / "certs", ROOT / "plugins") for path in folder.glob("*.md")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_flags_and_targets_that_documents_name_exist():
    known = {flag(name) for name in settings()} | {"--help", "--config", "--refused", "--name", "--state"}
    for document in DOCUMENTS:
        for line in re.findall(r"xapid serve[^`\n]*", document.read_text()):
            assert set(re.findall(r"--[a-z][a-z-]+", line)) <= known, document
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        assert set(re.findall(r"`?make ([a-z]+)", document.read_text())) - {"it", "up", "of", "a"} <= targets, document


def test_the_operating_guide_lists_every_preset_and_counter():
    guide = (ROOT / "docs" / "operating.md").read_text()
    for name in PRESETS:
        assert f"| `{name}` |" in guide
    for field in attrs.fields(Counts):
        if "doc" in field.metadata and field.name not in ("hosts", "vms_per_host"):
            assert f"| `{field.name.replace('_', '-')}` | {field.metadata['doc']} |" in guide


def test_the_first_session_of_the_readme_works(xapid_daemons, tmp_path):
    daemon = xapid_daemons.start("--state", str(tmp_path / "state"), "--duration-profile", "instant", password=None)
    code = block("README.md", "with the stock client").replace("https://127.0.0.1:8443", daemon.url)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Running on ")


def test_the_stubborn_guest_of_the_testing_guide_is_forced(xapid_session):
    example = {}
    exec(block("docs/testing.md", "<!-- example: a stubborn guest -->"), example)
    example["test_a_guest_that_hangs_is_forced"](xapid_session)


def test_the_testing_guide_lists_every_word_for_guests():
    guide = (ROOT / "docs" / "testing.md").read_text()
    assert set(re.findall(r"^simulator\.\w+", guest.__doc__, re.MULTILINE)) == set(
        re.findall(r"^\| `(simulator\.\w+)`", guide, re.M)
    )


def test_a_declared_message_and_a_function_are_everything_that_a_new_call_takes(xapid_daemons, tmp_path):
    shutil.copytree(ROOT / "xapid", tmp_path / "xapid", ignore=shutil.ignore_patterns("__pycache__"))
    declarations = tmp_path / "xapid" / "datamodel" / "classes" / "network.py"
    messages = "    messages=(\n"
    text = declarations.read_text()
    assert text.count(messages) == 1
    declaration = block("docs/architecture.md", "<!-- example: declaration -->")
    declarations.write_text(text.replace(messages, messages + declaration))
    with (tmp_path / "xapid" / "operations" / "network.py").open("a") as operations:
        operations.write("\n\n" + block("docs/architecture.md", "<!-- example: function -->"))

    daemon = xapid_daemons.start("--seed", "1", directory=tmp_path, environ={"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"})
    session = daemon.session()
    unused = session.xenapi.network.find_unused()
    assert set(unused) <= set(session.xenapi.network.get_all())
    assert session.xenapi.network.find_unused("0") == []
    assert session.xenapi.task.get_type(session.xenapi.Async.network.find_unused())
    listed = xmlrpc.client.ServerProxy(daemon.url, context=unverified()).system.listMethods()
    assert "network.find_unused" in listed
    with pytest.raises(XenAPI.Failure) as caught:
        session.xenapi.network.find_unused("many")
    assert caught.value.details[0] == "INTERNAL_ERROR"
    assert daemon.password == PASSWORD

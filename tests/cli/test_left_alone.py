"""Commands that change the very host or pool that they are tried on: each on one of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cli.conftest import Xe
from cli.test_every_command import LEAVE_ALONE
from xapid.testing.in_process import Server, config


@pytest.fixture
def own() -> Iterator[Xe]:
    server = Server(config())
    yield Xe(server)
    server.close()


HOST = "00000000-0000-4000-8000-00000000beef"
"""Stands for the coordinator's uuid."""
# The command; what is asked about it afterwards, in words or in an error; what the answer is.
CHANGES = [
    ("host-management-disable", f"pif-list host-uuid={HOST} management=true --minimal", ""),
    ("host-shutdown-agent", f"host-list uuid={HOST} params=host-metrics-live --minimal", "false"),
    ("pool-emergency-transition-to-master --force", "pool-list params=master --minimal", HOST),
    ("session-subject-identifier-logout-all", "pool-list params=master --minimal", HOST),
]
REFUSED = [
    ("pool-emergency-reset-master master-address=192.0.2.1", "master_address"),
    ("pool-join master-address=a:b master-username=root master-password=x", "could not connect"),
]


def test_each_is_tried_here() -> None:
    tried = {words.split()[0] for words, *_ in [*CHANGES, *REFUSED]}
    others = {"host-prepare-for-poweroff", "host-reset-server-certificate", "user-password-change"}
    assert tried | others == LEAVE_ALONE


@pytest.mark.parametrize(("words", "asked", "said"), CHANGES)
def test_it_does_what_it_is_called(own: Xe, words: str, asked: str, said: str) -> None:
    host = own.good("pool-list", "params=master", "--minimal").line
    assert own.good(*asked.replace(HOST, host).split()).line != said or said == HOST
    own.good(*words.split())
    assert own.good(*asked.replace(HOST, host).split()).line == said.replace(HOST, host)


@pytest.mark.parametrize(("words", "why"), REFUSED)
def test_it_says_why_it_does_not(own: Xe, words: str, why: str) -> None:
    result = own(*words.split())
    assert result.status == 1 and why in result.err


def test_a_host_that_was_made_ready_to_lose_its_power_is_not_enabled_before_it_has(own: Xe) -> None:
    host = own.good("pool-list", "params=master", "--minimal").line
    own.good("host-disable", f"uuid={host}")
    own.good("host-prepare-for-poweroff")
    refused = own("host-enable", f"uuid={host}")
    assert (refused.status, own.good("host-list", f"uuid={host}", "params=enabled", "--minimal").line) == (1, "false")


def test_a_certificate_that_is_reset_is_another(own: Xe) -> None:
    host = own.good("pool-list", "params=master", "--minimal").line
    asked = ("certificate-list", f"host={host}", "type=host", "params=fingerprint", "--minimal")
    before = own.good(*asked).line
    own.good("host-reset-server-certificate", f"uuid={host}")
    assert own.good(*asked).line != before


def test_a_password_that_was_changed_is_the_only_one(own: Xe) -> None:
    old = own.server.config.root_password
    own.good("user-password-change", f"old={old}", "new=another")
    assert own("pool-list", user="root", password=old).status == 1
    own.good("pool-list", user="root", password="another")

"""What guests say that they are."""

from __future__ import annotations

import re

import pytest

from xapid.agent.simulator import systems
from xapid.inventory.templates import TEMPLATES, Template

FOR_A_SYSTEM = [template for template in TEMPLATES if template.distro != "other"]


@pytest.mark.parametrize("template", FOR_A_SYSTEM, ids=lambda template: template.name)
def test_a_guest_is_of_the_version_that_its_template_is_for(template: Template) -> None:
    system = (systems.windows if template.distro == "windows" else systems.linux)(template.name)
    (version,) = re.findall(r"\d[\d.]*", template.name.removesuffix("(64-bit)"))
    assert version in re.findall(r"\d[\d.]*", system["name"])
    assert template.name.split()[0].lower() in system["name"].lower()


def test_what_nobody_knows_is_the_usual_one() -> None:
    assert systems.linux("web server")["name"] == "Debian GNU/Linux 12 (bookworm)"
    assert systems.windows("web server")["name"] == "Microsoft Windows 10 Pro"

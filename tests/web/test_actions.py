"""What is done from the web console: snapshots, migration, maintenance, power, the report."""

from __future__ import annotations

import re
import tarfile
import time
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
import XenAPI
from playwright.sync_api import expect

from web.conftest import Visitor
from xapid.testing.waiting import until


@pytest.fixture
def running(api) -> Callable[[str], str]:
    """Makes sure that the VM of a name runs, with its tools; returns its reference."""

    def start(name: str) -> str:
        (ref,) = api.VM.get_by_name_label(name)
        if api.VM.get_power_state(ref) != "Running":
            api.VM.start(ref, False, False)
        until(lambda: "pool_migrate" in api.VM.get_allowed_operations(ref))
        return str(ref)

    return start


def open_vm(visitor: Visitor, api, ref: str) -> None:
    visitor.go(f"vm/{api.VM.get_uuid(ref)}")
    expect(visitor.page.get_by_role("heading", name=api.VM.get_name_label(ref))).to_be_visible()


def test_a_snapshot_is_taken_and_the_vm_goes_back_to_it(visitor: Visitor, api, running) -> None:
    ref = running("vm-1-1")
    open_vm(visitor, api, ref)
    visitor.button("Snapshot")
    visitor.page.get_by_role("dialog").get_by_label("Name").fill("before the change")
    visitor.picture("snapshot")
    visitor.confirm("Take it")
    visitor.done("Snapshot of vm-1-1")
    (snapshot,) = api.VM.get_snapshots(ref)
    assert api.VM.get_name_label(snapshot) == "before the change"

    visitor.page.get_by_role("link", name="Snapshots").click()
    row = visitor.page.get_by_role("row").filter(has_text="before the change")
    row.get_by_role("button", name="Revert").click()
    visitor.confirm("Revert")
    visitor.done("Revert vm-1-1")
    assert api.VM.get_power_state(ref) == "Halted"
    row.get_by_role("button", name="Delete").click()
    visitor.confirm("Delete")
    expect(visitor.page.get_by_text("There are no snapshots.")).to_be_visible()
    assert api.VM.get_snapshots(ref) == []


def test_a_vm_migrates_to_another_host_and_its_screen_stays(visitor: Visitor, api, running) -> None:
    """The screen and the charts of the other host come through the page's own origin."""
    ref = running("vm-1-2")
    page = visitor.page
    open_vm(visitor, api, ref)
    visitor.button("Migrate")
    page.get_by_role("radio", name="xapid-3").check()
    visitor.picture("migrate")
    visitor.confirm("Migrate")
    visitor.done("Migrate vm-1-2 to xapid-3")
    expect(page.locator(".head .below")).to_contain_text("Running on xapid-3")
    assert api.host.get_name_label(api.VM.get_resident_on(ref)) == "xapid-3"
    page.get_by_role("link", name="Screen").click()
    expect(page.get_by_role("status").filter(has_text="Connected")).to_be_visible()
    page.get_by_role("link", name="Charts").click()
    page.wait_for_function("() => Number(document.querySelector('.charts').dataset.points) >= 1")


def test_a_host_goes_into_maintenance_and_its_vms_move(visitor: Visitor, api, running) -> None:
    ref = running("vm-2-1")
    (host,) = api.host.get_by_name_label("xapid-2")
    if api.VM.get_resident_on(ref) != host:
        api.VM.pool_migrate(ref, host, {})
    page = visitor.page
    visitor.go(f"host/{api.host.get_uuid(host)}")
    visitor.button("Enter maintenance")
    expect(page.get_by_role("dialog")).to_contain_text(re.compile(r"Its \d running VMs? moves? to other hosts"))
    visitor.picture("maintenance")
    visitor.confirm("Enter maintenance")
    visitor.done("Empty xapid-2")
    expect(page.locator(".head .below")).to_contain_text("Maintenance")
    assert not api.host.get_enabled(host)
    assert api.VM.get_power_state(ref) == "Running"
    assert api.VM.get_resident_on(ref) != host

    visitor.button("Leave maintenance")
    visitor.done("xapid-2 leaves maintenance")
    assert api.host.get_enabled(host)


def test_a_question_stays_while_what_it_is_about_changes(visitor: Visitor, api) -> None:
    (host,) = api.host.get_by_name_label("xapid-2")
    visitor.go(f"host/{api.host.get_uuid(host)}")
    visitor.button("Enter maintenance")
    question = visitor.page.get_by_role("dialog")
    expect(question).to_contain_text("Put xapid-2 into maintenance?")
    handle = question.element_handle()
    api.host.set_name_label(host, "renamed")
    try:
        expect(question).to_contain_text("Put renamed into maintenance?")
        assert handle.is_visible()
        question.get_by_role("button", name="Cancel").click()
        expect(question).to_be_hidden()
    finally:
        api.host.set_name_label(host, "xapid-2")


def test_a_host_is_switched_off_and_on_again(visitor: Visitor, api) -> None:
    (host,) = api.host.get_by_name_label("xapid-2")
    for ref in api.host.get_resident_VMs(host):
        if not api.VM.get_is_control_domain(ref):
            api.VM.hard_shutdown(ref)
    page = visitor.page
    visitor.go(f"host/{api.host.get_uuid(host)}")
    visitor.button("Enter maintenance")
    visitor.confirm("Enter maintenance")
    visitor.done("Empty xapid-2")
    visitor.more("Power-on mode…")
    page.get_by_label("How the host is switched on").select_option("Wake-on-LAN")
    visitor.confirm("Save")
    visitor.done("Power-on mode of xapid-2")
    visitor.more("Shut down…")
    visitor.confirm("Shut down")
    visitor.done("Shut down xapid-2")
    expect(page.locator(".head .below")).to_contain_text("Down")
    visitor.picture("host-down")
    visitor.button("Power on")
    visitor.done("Power on xapid-2")
    expect(page.locator(".head .below")).to_contain_text("Running")
    assert api.host.get_enabled(host)


def test_a_vm_is_made_and_deleted_with_its_disks(visitor: Visitor, api) -> None:
    visitor.go("vms")
    visitor.button("New VM")
    visitor.page.get_by_role("dialog").get_by_label("Name").fill("made here")
    visitor.confirm("Make it")
    visitor.done("Make made here")
    (made,) = api.VM.get_by_name_label("made here")
    expect(visitor.page.get_by_role("heading", name="made here")).to_be_visible()
    expect(visitor.page.locator(".head .below")).to_contain_text("Running on")
    assert api.VM.get_power_state(made) == "Running"
    assert len(api.VM.get_VIFs(made)) == 1
    visitor.more("Force shutdown")
    visitor.confirm("Force shutdown")
    visitor.done("Force shutdown of made here")
    disks = {api.VBD.get_VDI(vbd) for vbd in api.VM.get_VBDs(made) if api.VBD.get_type(vbd) == "Disk"}
    visitor.more("Delete…")
    visitor.confirm("Delete")
    visitor.done("Delete made here")
    assert api.VM.get_by_name_label("made here") == []
    assert disks
    for disk in disks:
        with pytest.raises(XenAPI.Failure, match="HANDLE_INVALID"):
            api.VDI.get_record(disk)


def test_what_goes_wrong_is_said_with_its_code(visitor: Visitor, api) -> None:
    sr = next(ref for ref, row in api.SR.get_all_records().items() if row["type"] == "udev")
    (pbd,) = api.SR.get_PBDs(sr)
    api.PBD.unplug(pbd)
    visitor.go(f"sr/{api.SR.get_uuid(sr)}")
    visitor.button("Scan")
    note = visitor.page.locator(".note.failed")
    expect(note).to_contain_text(f"Scan {api.SR.get_name_label(sr)}")
    expect(note.locator("code")).to_contain_text("SR")
    visitor.picture("failure")
    visitor.button("Connect")
    visitor.done("Connect")
    assert api.PBD.get_currently_attached(pbd)


def test_a_vm_is_exported_and_the_session_stays_out_of_the_address(visitor: Visitor, api) -> None:
    """A cookie has it for as long as the request takes to leave, for that path alone."""
    template = next(ref for ref, vm in api.VM.get_all_records().items() if vm["name_label"] == "Other install media")
    ref = api.VM.clone(template, "exported")
    api.VM.provision(ref)
    open_vm(visitor, api, ref)
    with visitor.page.expect_download() as started:
        visitor.more("Export as XVA")
    url = started.value.url
    assert url.endswith(f"/export?{urlencode({'ref': ref})}")
    with tarfile.open(started.value.path()) as archive:
        assert "ova.xml" in archive.getnames()
    (cookie,) = visitor.page.context.cookies(url)
    assert (cookie["path"], cookie["secure"], cookie["sameSite"]) == ("/export", True, "Strict")
    assert 0 < cookie["expires"] - time.time() <= 10
    assert visitor.page.context.cookies(visitor.daemon.url) == []
    api.VM.destroy(ref)

"""What a process leaves behind that dies of a fault in native code, and what becomes of it."""

from __future__ import annotations

import signal

import pytest
import XenAPI

from taker import taking


def test_the_next_start_keeps_where_threads_were_when_the_process_died(xapid_daemons, tmp_path):
    flags = ("--preset", "standalone", "--state", str(tmp_path))
    first = xapid_daemons.start(*flags)
    assert first.session().xenapi.host_crashdump.get_all() == []
    first.process.send_signal(signal.SIGSEGV)
    assert first.process.wait(20) == -signal.SIGSEGV
    second = xapid_daemons.start(*flags)
    api = second.session().xenapi
    ((dump, record),) = api.host_crashdump.get_all_records().items()
    assert record["host"] == api.host.get_all()[0]
    (file,) = (tmp_path / "crashdumps").iterdir()
    assert int(record["size"]) == file.stat().st_size
    with taking() as (url, taken):
        api.host_crashdump.upload(dump, f"{url}/", {})
    assert [one.body for one in taken] == [file.read_bytes()]
    assert b"Segmentation fault" in taken[0].body
    with pytest.raises(XenAPI.Failure) as failed:
        api.host_crashdump.upload(dump, "nowhere", {})
    assert failed.value.details == ["INVALID_VALUE", "url", "nowhere"]
    assert "died of a fault" in second.log
    second.stop()
    third = xapid_daemons.start(*flags)
    api = third.session().xenapi
    (dump,) = api.host_crashdump.get_all()
    api.host_crashdump.destroy(dump)
    assert list((tmp_path / "crashdumps").iterdir()) == []

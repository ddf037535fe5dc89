"""What a process leaves behind that dies of a fault in native code, and what becomes of it."""

from __future__ import annotations

import signal
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import XenAPI


@pytest.fixture
def receiver():
    taken = []

    class Taker(BaseHTTPRequestHandler):
        def do_PUT(self):
            taken.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Taker)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", taken
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_next_start_keeps_where_threads_were_when_the_process_died(xapid_daemons, tmp_path, receiver):
    url, taken = receiver
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
    api.host_crashdump.upload(dump, url, {})
    assert taken == [file.read_bytes()]
    assert b"Segmentation fault" in taken[0]
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

"""``/resource_report`` from a daemon: who gets it, in which form, and what xe does with it."""

from __future__ import annotations

import csv
import http.client
import io
import ssl
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest

from xapid.testing.processes import PASSWORD

SHEETS = ["Servers", "Networks", "VDIs", "Storage", "VMs", "GPUs"]


@pytest.fixture
def get(xapid_daemon):
    """A request; the answer's status, headers and body."""

    def ask(path, **headers):
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(xapid_daemon.address, xapid_daemon.port, context=context, timeout=60)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, answer.headers, body

    return ask


def test_a_session_gets_the_report_as_a_workbook_or_as_text(get, xapid_daemon):
    session = xapid_daemon.session()
    status, headers, body = get(f"/resource_report?format=xlsx&session_id={session._session}")
    assert (status, headers["content-length"]) == (200, str(len(body)))
    assert headers["content-disposition"].startswith('attachment; filename="resources-')
    book = openpyxl.load_workbook(io.BytesIO(body))
    assert book.sheetnames == SHEETS
    names = [row[0].value for row in book["Servers"].iter_rows(min_row=2)]
    assert sorted(names) == sorted(host["name_label"] for host in session.xenapi.host.get_all_records().values())

    status, headers, body = get("/resource_report?format=csv", Cookie=f"session_id={session._session}")
    assert (status, headers["content-type"]) == (200, "text/csv; charset=utf-8")
    lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    assert [line[0] for line in lines if len(line) == 1] == SHEETS


def test_nobody_else_gets_it(get, xapid_daemon):
    assert get("/resource_report")[0] == 401
    assert get("/resource_report?session_id=OpaqueRef:none")[0] == 401
    session = xapid_daemon.session()
    assert get(f"/resource_report?format=pdf&session_id={session._session}")[0] == 500


def test_a_task_ends_with_the_download(get, xapid_daemon):
    session = xapid_daemon.session()
    task = session.xenapi.task.create("report", "")
    get(f"/resource_report?format=csv&session_id={session._session}&task_id={task}")
    assert session.xenapi.task.get_status(task) == "success"
    task = session.xenapi.task.create("report", "")
    get(f"/resource_report?format=pdf&session_id={session._session}&task_id={task}")
    assert session.xenapi.task.get_error_info(task) == ["INVALID_VALUE", "format", "pdf"]


def test_xe_writes_it_into_a_file_in_the_form_of_its_name(xapid_daemon, tmp_path):
    def xe(*words):
        return subprocess.run(
            [Path(sys.executable).parent / "xe", "pool-resource-export", *words, "-s", xapid_daemon.address,
             "-p", str(xapid_daemon.port), "-pw", PASSWORD],
            capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False,
        )  # fmt: skip

    for words in (("filename=a.csv",), ("filename=b.xlsx",), ("filename=c", "format=csv"), ("filename=d",)):
        done = xe(*words)
        assert (done.stdout, done.stderr, done.returncode) == ("", "", 0), words
    assert (tmp_path / "a.csv").read_bytes().startswith("\ufeffServers\r\n".encode())
    assert (tmp_path / "c").read_bytes().startswith("\ufeffServers\r\n".encode())
    assert openpyxl.load_workbook(tmp_path / "b.xlsx").sheetnames == SHEETS
    assert (tmp_path / "d").read_bytes().startswith(b"PK")
    assert xe("filename=e", "format=pdf").stderr == "Error: Invalid format. Must be csv or xlsx\n"

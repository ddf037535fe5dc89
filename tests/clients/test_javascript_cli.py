"""The command line of the stock JavaScript client, ``xen-api URL USER PASSWORD``: a VM from its making to its end."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

HERE = Path(__file__).parent

# What a user types at its prompt. Each line is waited for before the next is typed.
TYPED = r"""
globalThis.say = async (name, value) => console.log('SAID ' + JSON.stringify([name, await value]))
globalThis.keep = name => value => { globalThis[name] = value }
xapi.objectsFetched.then(() => say('hosts', find({ $type: 'host' }) !== undefined))
call('VM.get_by_name_label', 'Debian Bookworm 12').then(keep('templates'))
callAsync('VM.clone', templates[0], 'typed').then(keep('guest'))
call('pool.get_default_SR', xapi.pool.$ref).then(sr => call('SR.get_uuid', sr)).then(keep('sr'))
call('VM.get_other_config', guest).then(keep('settings'))
call('VM.set_other_config', guest, { ...settings, disks: settings.disks.replace('sr=""', `sr="${sr}"`) })
callAsync('VM.provision', guest)
callAsync('VM.snapshot', guest, 'before').then(keep('snapshot'))
say('snapshot', call('VM.get_is_a_snapshot', snapshot))
callAsync('VM.start', guest, false, false)
globalThis.allowed = () => call('VM.get_allowed_operations', guest).then(all => all.includes('pool_migrate') || allowed())
allowed()
say('before', call('VM.get_resident_on', guest).then(host => call('host.get_name_label', host)))
call('VM.get_resident_on', guest).then(keep('here'))
callAsync('VM.pool_migrate', guest, findAll({ $type: 'host' }).find(host => host.$ref !== here).$ref, { force: 'false' })
say('moved', call('VM.get_resident_on', guest).then(host => host !== here))
callAsync('VM.clean_shutdown', guest)
globalThis.file = process.env.ARCHIVE
getResource('/export/', { query: { ref: guest, use_compression: 'false' } }).then(keep('answer'))
answer.body.arrayBuffer().then(data => fs.writeFileSync(file, Buffer.from(data)))
say('archive', fs.statSync(file).size > 1000)
putResource(fs.createReadStream(file), '/import/', { task: xapi.createTask('typed import') }).then(keep('imported'))
say('imported', call('VM.get_name_label', Array.isArray(imported) ? imported[0] : xapi.getObject(imported).$ref))
Promise.all([guest, snapshot].map(ref => callAsync('VM.destroy', ref)))
say('gone', call('VM.get_uuid', guest).catch(error => error.code))
"""


def prompted(shell):
    """What is printed until the next line may be typed."""
    printed = b""
    while not printed.endswith(b"> ") and (piece := shell.stdout.read(65536)):
        printed += piece
    return printed.decode()


@pytest.mark.parametrize("transport", ["json-rpc", "xml-rpc"])
def test_a_vm_is_made_snapshot_moved_exported_imported_and_destroyed(xapid_daemon, node, transport, tmp_path):
    shell = subprocess.Popen(
        [node, "node_modules/xen-api/cli.mjs", "--au", "-t", transport, xapid_daemon.url, "root", xapid_daemon.password],
        cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
        env={**os.environ, "ARCHIVE": str(tmp_path / "vm.xva")},
    )  # fmt: skip
    too_long = threading.Timer(120, shell.kill)
    too_long.start()
    with shell:
        printed = prompted(shell)
        for line in TYPED.strip().replace("\\\n", "").splitlines():
            shell.stdin.write(f"{line}\n".encode())
            printed += prompted(shell)
        shell.stdin.close()
    too_long.cancel()
    said = dict(json.loads(line.partition("SAID ")[2]) for line in printed.splitlines() if "SAID " in line)
    assert "Uncaught" not in printed, printed
    assert said == {
        "hosts": True,
        "snapshot": True,
        "before": said.get("before"),
        "moved": True,
        "archive": True,
        "imported": "typed",
        "gone": "HANDLE_INVALID",
    }, printed

// Speaks to the pool in the way of graphical interfaces in browsers: JSON-RPC of the page's own origin, statistics and
// consoles of whatever host has them, at its address without a port. `run(user, password)` returns what it saw.

let number = 0;

async function rpc(method, params) {
  const id = ++number;
  const response = await fetch(`${window.origin}/jsonrpc`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id, method, params }),
  });
  if (response.status !== 200) throw new Error(`${method}: ${response.status} ${response.statusText}`);
  const answer = await response.json();
  if (answer.jsonrpc !== "2.0" || answer.id !== id) throw new Error(`${method}: not the answer to ${id}`);
  if ("error" in answer) throw Object.assign(new Error(answer.error.message), { data: answer.error.data });
  return answer.result;
}

const refusal = (promise) => promise.then(() => "nothing", (error) => error.message);

/** The first bytes of a console, and the sub-protocol that was agreed on. */
function greeting(location, session) {
  const url = new URL(location);
  url.protocol = "wss:";
  url.searchParams.set("session_id", session);
  return new Promise((seen) => {
    const socket = new WebSocket(url, ["binary"]);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      socket.close();
      seen([socket.protocol, new TextDecoder().decode(data)]);
    };
    socket.onerror = () => seen(["refused", ""]);
  });
}

async function statistics(address, session, interval, span) {
  const query = new URLSearchParams({
    cf: "AVERAGE",
    host: "true",
    interval: String(interval),
    json: "true",
    start: String(Math.floor(Date.now() / 1000) - span),
    session_id: session,
  });
  const response = await fetch(`https://${address}/rrd_updates?${query}`);
  const { meta, data } = await response.json();
  return { status: response.status, step: meta.step, legend: meta.legend, rows: data.map(({ t }) => t) };
}

window.run = async (user, password) => {
  const wrong = await refusal(rpc("session.login_with_password", [user, "wrong"]));
  const session = await rpc("session.login_with_password", [user, password]);
  const all = async (name) => rpc(`${name}.get_all_records`, [session]);
  const [metrics, hosts, pools] = await Promise.all(["host_metrics", "host", "pool"].map(all));
  const addresses = Object.values(hosts).map(({ address }) => address);
  const reached = await Promise.all(addresses.map((address) => fetch(`https://${address}/`, { mode: "no-cors" }).then(({ type }) => type)));
  const [vms, vbds, vdis, pbds, srs] = await Promise.all(["VM", "VBD", "VDI", "PBD", "SR"].map(all));
  const token = await rpc("event.inject", [session, "pool", Object.keys(pools)[0]]);

  const [vm, record] = Object.entries(vms).find(([, one]) => !one.is_a_template && !one.is_control_domain && one.power_state === "Halted");
  const started = await rpc("VM.start", [session, vm, false, false]);
  const changes = await rpc("event.from", [session, ["vm", "pool", "host"], token, 5.001]);
  const home = hosts[await rpc("VM.get_resident_on", [session, vm])];
  const [consoleRef] = await rpc("VM.get_consoles", [session, vm]);
  const { location } = await rpc("console.get_record", [session, consoleRef]);
  const screen = await greeting(location, session);
  const stranger = await greeting(location, "OpaqueRef:of-somebody-else");
  const fine = await statistics(home.address, session, 5, 60);
  const coarse = await statistics(home.address, session, 3600, 7 * 86400);

  const [template] = Object.entries(vms).find(([, one]) => one.is_a_template && one.name_label.startsWith("Debian"));
  const copy = await rpc("VM.copy", [session, template, "made by an interface", ""]);
  await rpc("VM.remove_from_other_config", [session, copy, "disks"]);
  await rpc("VM.provision", [session, copy]);
  await rpc("VM.set_VCPUs_max", [session, copy, "2"]);
  await rpc("VM.set_VCPUs_at_startup", [session, copy, 2]);
  await rpc("VM.set_memory", [session, copy, 1073741824]);
  await rpc("VM.set_affinity", [session, copy, "OpaqueRef:NULL"]);
  const made = await rpc("VM.get_record", [session, copy]);
  const odd = await Promise.all([
    refusal(rpc("VM.copy_bios_strings", [session, [copy], addresses[0]])),
    refusal(rpc("VM.set_memory_limits", [session, copy, "1"])),
    refusal(rpc("pool.get_license_state", [session, null])),
  ]);
  await rpc("VM.hard_shutdown", [session, vm]);
  await rpc("VM.destroy", [session, copy]);
  const sids = await rpc("session.get_all_subject_identifiers", [session]);
  const ended = await rpc("session.logout", [session]);
  const after = await refusal(rpc("session.get_all_subject_identifiers", [session]));
  return {
    wrong, session, addresses, reached, started, screen, stranger, fine, coarse, odd, sids, ended, after, location,
    counts: [metrics, hosts, vms, vbds, vdis, pbds, srs].map((one) => Object.keys(one).length),
    date: Object.values(metrics)[0].last_updated,
    changed: [changes.events.filter((one) => one.ref === vm).map((one) => [one.class, one.operation, one.snapshot.power_state]), changes.valid_ref_counts, changes.token],
    vm: { ref: vm, uuid: record.uuid, host: home.uuid },
    made: [made.VCPUs_max, made.VCPUs_at_startup, made.memory_static_max],
  };
};

// The pool at a glance.

import { useLive } from "../parts/app.ts";
import { bytes, plural } from "../parts/format.ts";
import { hostState } from "../parts/host-actions.tsx";
import { Table } from "../parts/table.tsx";
import { Bar, Card, Dot, Head } from "../parts/ui.tsx";
import { alertColumns, alerts } from "./alerts.tsx";
import { hostColumns, memory } from "./hosts.tsx";
import { holdsDisks } from "./storage.tsx";
import { isOpen, taskName } from "./tasks.tsx";
import { isVm } from "./vms.tsx";

const STATES = ["Running", "Paused", "Suspended", "Halted"] as const;
const SHOWN = 8;

export function PoolPage() {
  const app = useLive("pool", "host", "host_metrics", "VM", "SR", "task", "message");
  const { store } = app;
  const hosts = [...store.table("host").values()];
  const vms = [...store.table("VM").values()].filter(isVm);
  const up = hosts.filter((host) => hostState(app, host) === "Running").length;
  const resting = hosts.filter((host) => ["Maintenance", "Evacuating"].includes(hostState(app, host))).length;
  const ram = hosts.map((host) => memory(app, host)).reduce((a, b) => ({ used: a.used + b.used, total: a.total + b.total }), { used: 0, total: 0 });
  const disks = [...store.table("SR").values()].filter((sr) => holdsDisks(sr) && sr.physical_size > 0);
  const space = disks.reduce((a, sr) => ({ used: a.used + sr.physical_utilisation, size: a.size + sr.physical_size }), { used: 0, size: 0 });
  const cpus = hosts.reduce((sum, host) => sum + Number(host.cpu_info["cpu_count"] ?? 0), 0);
  const vcpus = vms.filter((vm) => vm.power_state === "Running").reduce((sum, vm) => sum + vm.VCPUs_at_startup, 0);
  const recent = alerts(app);
  const open = [...store.table("task")].filter(([, task]) => isOpen(task));
  return (
    <>
      <Head icon="pool" title={store.pool?.name_label || hosts[0]?.name_label || "Pool"} below={store.pool?.name_description} />
      <div class="tiles">
        <a class="tile" href="#/hosts">
          <h2>Hosts</h2>
          <p class="figure">{hosts.length}</p>
          <p>
            {up} running{resting ? `, ${resting} in maintenance` : ""}
            {hosts.length - up - resting ? `, ${hosts.length - up - resting} down` : ""}
          </p>
        </a>
        <a class="tile" href="#/vms">
          <h2>VMs</h2>
          <p class="figure">{vms.length}</p>
          <p class="states">
            {STATES.map((state) => [state, vms.filter((vm) => vm.power_state === state).length] as const)
              .filter(([, count]) => count)
              .map(([state, count]) => (
                <span key={state}>
                  <Dot state={state} /> {count} {state.toLowerCase()}
                </span>
              ))}
          </p>
        </a>
        <div class="tile">
          <h2>CPU</h2>
          <p class="figure">
            {vcpus} <small>vCPUs</small>
          </p>
          <p>on {plural(cpus, "processor")}</p>
        </div>
        <div class="tile">
          <h2>Memory</h2>
          <p class="figure">{bytes(ram.used)}</p>
          <Bar value={ram.total ? ram.used / ram.total : 0} label="Memory used" />
          <p>of {bytes(ram.total)}</p>
        </div>
        <a class="tile" href="#/storage">
          <h2>Storage</h2>
          <p class="figure">{bytes(space.used)}</p>
          <Bar value={space.size ? space.used / space.size : 0} label="Space used" />
          <p>of {bytes(space.size)}</p>
        </a>
      </div>
      {open.length > 0 && (
        <Card title="Under way" more={<a href="#/tasks">All tasks</a>}>
          <div class="under-way">
            {open.slice(0, SHOWN).map(([ref, task]) => (
              <p key={ref}>
                <span>{taskName(task)}</span>
                <Bar value={task.progress} tone="progress" label={taskName(task)} />
                <small>{Math.round(task.progress * 100)} %</small>
              </p>
            ))}
          </div>
        </Card>
      )}
      <Card title="Hosts">
        <Table
          label="Hosts"
          rows={hosts}
          columns={hostColumns(app)}
          id={(host) => host.uuid}
          href={(host) => `host/${host.uuid}`}
          sort="name"
          empty="Loading…"
        />
      </Card>
      <Card title="Latest alerts" more={<a href="#/alerts">{recent.length ? `All ${recent.length}` : ""}</a>}>
        <Table label="Latest alerts" rows={recent.slice(0, SHOWN)} columns={alertColumns(app)} id={({ ref }) => ref} empty="There are no alerts." />
      </Card>
    </>
  );
}

// All hosts, and one of them.

import { type App, useApp, useLive } from "../parts/app.ts";
import { Charts } from "../parts/charts.tsx";
import { bytes, plural, span } from "../parts/format.ts";
import { guests, type Host, HostActions, hostState } from "../parts/host-actions.tsx";
import { NoScreen, Screen } from "../parts/screen.tsx";
import { type Column, Table } from "../parts/table.tsx";
import { Bar, Card, Dot, Empty, Facts, Head, Tabs, useRight } from "../parts/ui.tsx";
import { Progress } from "./tasks.tsx";
import { isVm, vmColumns } from "./vms.tsx";

export function memory(app: App, host: Host): { used: number; total: number } {
  const metrics = app.store.get("host_metrics", host.metrics);
  return metrics?.live ? { used: metrics.memory_total - metrics.memory_free, total: metrics.memory_total } : { used: 0, total: 0 };
}

export function hostColumns(app: App): Column<Host>[] {
  return [
    {
      id: "name",
      title: "Name",
      by: (host) => host.name_label,
      cell: (host) => (
        <a class="named" href={`#/host/${host.uuid}`} tabIndex={-1}>
          <Dot state={hostState(app, host)} />
          <span>{host.name_label}</span>
          {app.store.get("host", app.store.pool?.master)?.uuid === host.uuid && <small class="tag">coordinator</small>}
        </a>
      ),
    },
    { id: "state", title: "State", by: (host) => hostState(app, host), cell: (host) => hostState(app, host) },
    { id: "vms", title: "VMs", by: (host) => guests(app, host).length, cell: (host) => guests(app, host).length, number: true },
    {
      id: "memory",
      title: "Memory",
      by: (host) => memory(app, host).used / (memory(app, host).total || 1),
      cell: (host) => {
        const { used, total } = memory(app, host);
        return (
          <span class="measured">
            <Bar value={total ? used / total : 0} label="Memory used" />
            <small>
              {bytes(used)} of {bytes(total)}
            </small>
          </span>
        );
      },
      from: 2,
    },
    { id: "address", title: "Address", by: (host) => host.address, cell: (host) => host.address, from: 3 },
  ];
}

export function Hosts() {
  const app = useLive("host", "host_metrics", "pool", "VM");
  const hosts = [...app.store.table("host").values()];
  return (
    <>
      <Head icon="host" title="Hosts" below={plural(hosts.length, "host")} />
      <Table
        label="Hosts"
        rows={hosts}
        columns={hostColumns(app)}
        id={(host) => host.uuid}
        href={(host) => `host/${host.uuid}`}
        sort="name"
        empty="Loading…"
      />
    </>
  );
}

const TABS: [string, string][] = [
  ["", "Overview"],
  ["charts", "Charts"],
  ["screen", "Screen"],
  ["vms", "VMs"],
  ["connections", "Storage and network"],
];

export function HostPage({ uuid, tab }: { uuid: string; tab: string }) {
  const app = useLive("host", "host_metrics", "pool", "VM");
  const { store } = app;
  const self = store.byUuid("host", uuid);
  const host = store.get("host", self);
  if (!self || !host) return <Empty>{store.has("host") ? "There is no such host any more." : "Loading…"}</Empty>;
  const state = hostState(app, host);
  const count = guests(app, host).length;
  return (
    <>
      <Head
        icon="host"
        title={host.name_label}
        below={
          <>
            <Dot state={state} /> {state === "Evacuating" ? `Evacuating, ${plural(count, "VM")} left` : state}
            {state === "Maintenance" && count > 0 && `, ${plural(count, "VM")} still on it`}
            {store.pool?.master === self && <small class="tag">coordinator</small>}
          </>
        }
        actions={<HostActions host={host} self={self} />}
      />
      <Progress of={self} />
      <Tabs base={`host/${uuid}`} tabs={TABS} current={tab} />
      {tab === "charts" ? (
        state === "Down" ? (
          <Empty>There is something to draw while it runs.</Empty>
        ) : (
          <Charts kind="host" uuid={uuid} host={uuid} />
        )
      ) : tab === "screen" ? (
        <ScreenTab host={host} />
      ) : tab === "vms" ? (
        <Resident host={host} />
      ) : tab === "connections" ? (
        <Connections host={host} />
      ) : (
        <Overview host={host} />
      )}
    </>
  );
}

function Overview({ host }: { host: Host }) {
  const app = useApp();
  const { used, total } = memory(app, host);
  const booted = Number(host.other_config["boot_time"]);
  return (
    <div class="columns">
      <Card title="General">
        <Facts
          rows={[
            ["Description", host.name_description],
            ["Address", host.address],
            ["Version", `${host.software_version["product_brand"] ?? ""} ${host.software_version["product_version"] ?? ""}`],
            ["Up for", booted && total ? span(Date.now() / 1000 - booted) : ""],
            ["Power-on mode", host.power_on_mode || "none"],
            ["uuid", <code>{host.uuid}</code>],
          ]}
        />
      </Card>
      <Card title="Resources">
        <Facts
          rows={[
            ["CPUs", `${host.cpu_info["cpu_count"] ?? "?"} in ${plural(Number(host.cpu_info["socket_count"] ?? 1), "socket")}`],
            ["Model", host.cpu_info["modelname"] ?? ""],
            [
              "Memory",
              <span class="measured">
                <Bar value={total ? used / total : 0} label="Memory used" />
                <small>
                  {bytes(used)} of {bytes(total)}
                </small>
              </span>,
            ],
            ["VMs", String(guests(app, host).length)],
          ]}
        />
      </Card>
    </div>
  );
}

function Resident({ host }: { host: Host }) {
  const app = useLive("VM", "VM_guest_metrics");
  const rows = host.resident_VMs.flatMap((ref) => {
    const vm = app.store.get("VM", ref);
    return vm && isVm(vm) ? [{ ref, vm }] : [];
  });
  return (
    <Table
      label="VMs on this host"
      rows={rows}
      columns={vmColumns(app, false)}
      id={({ ref }) => ref}
      href={({ vm }) => `vm/${vm.uuid}`}
      sort="name"
      empty="No VM runs on it."
    />
  );
}

function ScreenTab({ host }: { host: Host }) {
  const { store } = useLive("VM", "console");
  const right = useRight();
  const refused = right("http/connect_console_ws/host_console_ws");
  if (refused) return <Empty>{refused}</Empty>;
  const domain = store.get("VM", host.control_domain);
  const ref = domain?.consoles.find((one) => store.get("console", one)?.protocol === "rfb");
  if (!ref || domain?.power_state !== "Running") return <NoScreen />;
  return <Screen key={ref} console={ref} host={host.uuid} name={host.name_label} />;
}

function Connections({ host }: { host: Host }) {
  const { store } = useLive("PBD", "SR", "PIF", "network");
  const pbds = host.PBDs.flatMap((ref) => store.get("PBD", ref) ?? []);
  const pifs = host.PIFs.flatMap((ref) => store.get("PIF", ref) ?? []);
  return (
    <>
      <Card title="Storage">
        <Table
          label="Storage"
          rows={pbds}
          id={(pbd) => pbd.uuid}
          sort="sr"
          empty="Loading…"
          columns={[
            {
              id: "sr",
              title: "Repository",
              by: (pbd) => store.get("SR", pbd.SR)?.name_label ?? "",
              cell: (pbd) => <a href={`#/sr/${store.get("SR", pbd.SR)?.uuid}`}>{store.get("SR", pbd.SR)?.name_label}</a>,
            },
            { id: "type", title: "Type", cell: (pbd) => store.get("SR", pbd.SR)?.type ?? "", from: 2 },
            { id: "attached", title: "", cell: (pbd) => (pbd.currently_attached ? "connected" : "not connected") },
          ]}
        />
      </Card>
      <Card title="Network interfaces">
        <Table
          label="Network interfaces"
          rows={pifs}
          id={(pif) => pif.uuid}
          sort="device"
          empty={store.has("PIF") ? "It has none." : "Loading…"}
          columns={[
            { id: "device", title: "Device", by: (pif) => pif.device + pif.VLAN, cell: (pif) => (pif.VLAN >= 0 ? `${pif.device}, VLAN ${pif.VLAN}` : pif.device) },
            {
              id: "network",
              title: "Network",
              cell: (pif) => <a href={`#/network/${store.get("network", pif.network)?.uuid}`}>{store.get("network", pif.network)?.name_label}</a>,
            },
            { id: "ip", title: "Address", cell: (pif) => pif.IP || "–", from: 2 },
            { id: "mac", title: "MAC", cell: (pif) => <code>{pif.MAC}</code>, from: 3 },
            { id: "attached", title: "", cell: (pif) => (pif.currently_attached ? "up" : "down"), from: 2 },
          ]}
        />
      </Card>
    </>
  );
}

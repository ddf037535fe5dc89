// One VM: what it is, its screen, what it does, its snapshots, its disks and interfaces.

import { useState } from "preact/hooks";
import { useApp, useLive } from "../parts/app.ts";
import { Charts } from "../parts/charts.tsx";
import { bytes, date, full, plural, span } from "../parts/format.ts";
import { NoScreen, Screen } from "../parts/screen.tsx";
import { Table } from "../parts/table.tsx";
import { Button, Card, Dialog, Dot, Empty, Facts, Head, Tabs, useRight } from "../parts/ui.tsx";
import { type Vm, VmActions } from "../parts/vm-actions.tsx";
import { nothing } from "../parts/work.ts";
import { Progress } from "./tasks.tsx";
import { address, State } from "./vms.tsx";

const TABS: [string, string][] = [
  ["", "Overview"],
  ["screen", "Screen"],
  ["charts", "Charts"],
  ["snapshots", "Snapshots"],
  ["devices", "Disks and network"],
];

export function VmPage({ uuid, tab }: { uuid: string; tab: string }) {
  const app = useLive("VM", "host", "VM_guest_metrics");
  const { store } = app;
  const self = store.byUuid("VM", uuid);
  const vm = store.get("VM", self);
  if (!self || !vm) return <Empty>{store.has("VM") ? "There is no such VM any more." : "Loading…"}</Empty>;
  const host = store.get("host", vm.resident_on);
  return (
    <>
      <Head
        icon="vm"
        title={vm.name_label}
        below={
          <>
            <Dot state={vm.power_state} /> <State vm={vm} />
            {host && (
              <>
                {" "}
                on <a href={`#/host/${host.uuid}`}>{host.name_label}</a>
              </>
            )}
          </>
        }
        actions={<VmActions vm={vm} self={self} />}
      />
      <Progress of={self} />
      <Tabs base={`vm/${uuid}`} tabs={TABS} current={tab} />
      {tab === "screen" ? (
        <ScreenTab vm={vm} />
      ) : tab === "charts" ? (
        host ? (
          <Charts kind="vm" uuid={uuid} host={host.uuid} />
        ) : (
          <Empty>There is something to draw while it runs.</Empty>
        )
      ) : tab === "snapshots" ? (
        <Snapshots vm={vm} />
      ) : tab === "devices" ? (
        <Devices vm={vm} />
      ) : (
        <Overview vm={vm} />
      )}
    </>
  );
}

function Overview({ vm }: { vm: Vm }) {
  const app = useLive("VM_metrics", "VM_guest_metrics");
  const { store } = app;
  const metrics = store.get("VM_metrics", vm.metrics);
  const guest = store.get("VM_guest_metrics", vm.guest_metrics);
  const began = vm.power_state === "Running" && metrics ? date(metrics.start_time) : null;
  return (
    <div class="columns">
      <Card title="General">
        <Facts
          rows={[
            ["Description", vm.name_description],
            ["System", guest?.os_version["name"] ?? ""],
            ["Address", address(app, vm)],
            ["Up for", began ? span((Date.now() - began.getTime()) / 1000) : ""],
            ["Tags", vm.tags.join(", ")],
            ["uuid", <code>{vm.uuid}</code>],
          ]}
        />
      </Card>
      <Card title="Resources">
        <Facts
          rows={[
            ["vCPUs", vm.VCPUs_at_startup === vm.VCPUs_max ? vm.VCPUs_max : `${vm.VCPUs_at_startup} of at most ${vm.VCPUs_max}`],
            ["Memory", vm.memory_dynamic_min === vm.memory_dynamic_max ? bytes(vm.memory_dynamic_max) : `${bytes(vm.memory_dynamic_min)} – ${bytes(vm.memory_dynamic_max)}`],
            ["Disks", String(vm.VBDs.length)],
            ["Interfaces", String(vm.VIFs.length)],
            ["Firmware", vm.HVM_boot_params["firmware"] ?? vm.domain_type],
            ["Guest tools", guest?.PV_drivers_detected ? `${guest.PV_drivers_version["major"]}.${guest.PV_drivers_version["minor"]}` : "not seen"],
          ]}
        />
      </Card>
    </div>
  );
}

function ScreenTab({ vm }: { vm: Vm }) {
  const { store } = useLive("console", "host");
  const right = useRight();
  const refused = right("http/connect_console_ws");
  if (refused) return <Empty>{refused}</Empty>;
  const host = store.get("host", vm.resident_on);
  const ref = vm.consoles.find((one) => store.get("console", one)?.protocol === "rfb");
  if (!ref || !host || vm.power_state !== "Running") return <NoScreen />;
  return <Screen key={ref} console={ref} host={host.uuid} name={vm.name_label} />;
}

function Snapshots({ vm }: { vm: Vm }) {
  const { store, work } = useApp();
  const right = useRight();
  const [asking, setAsking] = useState<{ what: "revert" | "delete"; ref: string; name: string } | null>(null);
  const rows = vm.snapshots.flatMap((ref) => {
    const snapshot = store.get("VM", ref);
    return snapshot ? [{ ref, snapshot }] : [];
  });
  return (
    <>
      <Table
        label="Snapshots"
        rows={rows}
        id={({ ref }) => ref}
        empty="There are no snapshots."
        sort="when"
        columns={[
          { id: "name", title: "Name", by: ({ snapshot }) => snapshot.name_label, cell: ({ snapshot }) => snapshot.name_label },
          { id: "when", title: "Taken", by: ({ snapshot }) => snapshot.snapshot_time, cell: ({ snapshot }) => full(date(snapshot.snapshot_time)), from: 2 },
          { id: "kind", title: "Kind", cell: ({ snapshot }) => (snapshot.power_state === "Suspended" ? "disks and memory" : "disks"), from: 3 },
          {
            id: "do",
            title: "",
            cell: ({ ref, snapshot }) => (
              <span class="row-actions">
                <Button label="Revert" refused={right("VM.revert")} onPress={() => setAsking({ what: "revert", ref, name: snapshot.name_label })} />
                <Button label="Delete" refused={right("VM.destroy")} onPress={() => setAsking({ what: "delete", ref, name: snapshot.name_label })} />
              </span>
            ),
          },
        ]}
      />
      {asking && (
        <Dialog
          title={asking.what === "revert" ? "Revert to this snapshot?" : "Delete this snapshot?"}
          confirm={asking.what === "revert" ? "Revert" : "Delete"}
          danger
          onConfirm={() =>
            void (asking.what === "revert"
              ? work.run(`Revert ${vm.name_label}`, "VM.revert", asking.ref)
              : work.run(`Delete snapshot ${asking.name}`, "VM.destroy", asking.ref))
          }
          onClose={() => setAsking(null)}
        >
          <p>{asking.name}</p>
          <p class="hint">{asking.what === "revert" ? "What the VM has done since then is lost." : "The VM itself is left as it is."}</p>
        </Dialog>
      )}
    </>
  );
}

function Devices({ vm }: { vm: Vm }) {
  const { store } = useLive("VBD", "VDI", "VIF", "SR", "network");
  const vbds = vm.VBDs.flatMap((ref) => store.get("VBD", ref) ?? []);
  const vifs = vm.VIFs.flatMap((ref) => store.get("VIF", ref) ?? []);
  return (
    <>
      <Card title="Disks" more={<small>{plural(vbds.length, "drive")}</small>}>
        <Table
          label="Disks"
          rows={vbds}
          id={(vbd) => vbd.uuid}
          sort="device"
          empty={store.has("VBD") ? "It has none." : "Loading…"}
          columns={[
            { id: "device", title: "Device", by: (vbd) => Number(vbd.userdevice), cell: (vbd) => vbd.device || vbd.userdevice },
            { id: "name", title: "Disk", cell: (vbd) => (nothing(vbd.VDI) ? "empty" : (store.get("VDI", vbd.VDI)?.name_label ?? "…")) },
            { id: "size", title: "Size", cell: (vbd) => (nothing(vbd.VDI) ? "–" : bytes(store.get("VDI", vbd.VDI)?.virtual_size ?? 0)), number: true },
            { id: "sr", title: "Storage", cell: (vbd) => store.get("SR", store.get("VDI", vbd.VDI)?.SR)?.name_label ?? "–", from: 2 },
            { id: "kind", title: "Kind", cell: (vbd) => `${vbd.type === "CD" ? "CD" : "disk"}, ${vbd.mode === "RO" ? "read-only" : "writable"}`, from: 3 },
          ]}
        />
      </Card>
      <Card title="Network" more={<small>{plural(vifs.length, "interface")}</small>}>
        <Table
          label="Interfaces"
          rows={vifs}
          id={(vif) => vif.uuid}
          sort="device"
          empty={store.has("VIF") ? "It has none." : "Loading…"}
          columns={[
            { id: "device", title: "Device", by: (vif) => Number(vif.device), cell: (vif) => vif.device },
            { id: "network", title: "Network", cell: (vif) => store.get("network", vif.network)?.name_label ?? "…" },
            { id: "mac", title: "MAC", cell: (vif) => <code>{vif.MAC}</code>, from: 2 },
            { id: "attached", title: "", cell: (vif) => (vif.currently_attached ? "connected" : "not connected"), from: 2 },
          ]}
        />
      </Card>
    </>
  );
}


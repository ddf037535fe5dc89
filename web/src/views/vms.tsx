// All VMs in a table, and the dialog that makes a new one.

import { useMemo, useState } from "preact/hooks";
import { useLive, useApp, go, type App } from "../parts/app.ts";
import { byName, bytes, plural } from "../parts/format.ts";
import { type Column, Table } from "../parts/table.tsx";
import { Button, Dialog, Dot, Field, Head, useRight } from "../parts/ui.tsx";
import { allows, BULK, perform, type Vm } from "../parts/vm-actions.tsx";
import { nothing } from "../parts/work.ts";
import { holdsDisks } from "./storage.tsx";

export interface Row {
  ref: string;
  vm: Vm;
}

export function address(app: App, vm: Vm): string {
  const networks = app.store.get("VM_guest_metrics", vm.guest_metrics)?.networks ?? {};
  return networks["0/ip"] ?? networks["0/ipv4/0"] ?? Object.values(networks)[0] ?? "";
}

/** Which VM something is, in the sense of this console: no template, snapshot or control domain. */
export const isVm = (vm: Vm): boolean => !vm.is_a_template && !vm.is_a_snapshot && !vm.is_control_domain;

export function vmColumns(app: App, withHost = true): Column<Row>[] {
  const host = (vm: Vm) => app.store.get("host", vm.resident_on)?.name_label ?? "";
  const columns: Column<Row>[] = [
    {
      id: "name",
      title: "Name",
      by: ({ vm }) => vm.name_label,
      cell: ({ vm }) => (
        <a class="named" href={`#/vm/${vm.uuid}`} tabIndex={-1}>
          <Dot state={vm.power_state} />
          <span>{vm.name_label}</span>
        </a>
      ),
    },
    { id: "state", title: "State", by: ({ vm }) => vm.power_state, cell: ({ vm }) => <State vm={vm} /> },
    { id: "host", title: "Host", by: ({ vm }) => host(vm), cell: ({ vm }) => host(vm) || "–", from: 2 },
    { id: "address", title: "Address", by: ({ vm }) => address(app, vm), cell: ({ vm }) => address(app, vm) || "–", from: 2 },
    { id: "vcpus", title: "vCPUs", by: ({ vm }) => vm.VCPUs_max, cell: ({ vm }) => vm.VCPUs_max, number: true, from: 3 },
    {
      id: "memory",
      title: "Memory",
      by: ({ vm }) => vm.memory_static_max,
      cell: ({ vm }) => bytes(vm.memory_dynamic_max),
      number: true,
      from: 2,
    },
    {
      id: "system",
      title: "System",
      cell: ({ vm }) => app.store.get("VM_guest_metrics", vm.guest_metrics)?.os_version["name"] ?? "–",
      from: 3,
    },
  ];
  return columns.filter(({ id }) => withHost || id !== "host");
}

/** The power state, or what is being done. */
export function State({ vm }: { vm: Vm }) {
  const doing = Object.values(vm.current_operations)[0];
  return doing ? <span class="doing">{doing.replaceAll("_", " ")}…</span> : <span>{vm.power_state}</span>;
}

const STATES = ["Running", "Halted", "Suspended", "Paused"] as const;

export function Vms({ state }: { state?: string | undefined }) {
  const app = useLive("VM", "host", "VM_guest_metrics");
  const right = useRight();
  const [filter, setFilter] = useState("");
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [making, setMaking] = useState(false);
  const table = app.store.table("VM");
  const every = [...table].filter(([, vm]) => isVm(vm)).map(([ref, vm]) => ({ ref, vm }));
  const wanted = STATES.find((one) => one.toLowerCase() === state);
  const text = filter.trim().toLowerCase();
  const rows = every.filter(
    ({ vm }) =>
      (!wanted || vm.power_state === wanted) &&
      (!text || vm.name_label.toLowerCase().includes(text) || vm.uuid.startsWith(text) || address(app, vm).includes(text)),
  );
  const chosen = rows.filter(({ ref }) => selected.has(ref));
  const columns = useMemo(() => vmColumns(app), [app]);
  const count = (one: string) => every.filter(({ vm }) => vm.power_state === one).length;
  return (
    <>
      <Head
        icon="vm"
        title="Virtual machines"
        below={app.store.has("VM") ? plural(every.length, "VM") : "Loading…"}
        actions={<Button label="New VM" icon="plus" kind="primary" refused={right("VM.clone")} onPress={() => setMaking(true)} />}
      />
      <div class="filters">
        <input
          type="search"
          placeholder="Filter by name, address or uuid"
          aria-label="Filter"
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
        <nav class="chips" aria-label="Power state">
          <a href="#/vms" aria-current={wanted ? undefined : "page"}>
            All
          </a>
          {STATES.filter((one) => one === wanted || count(one)).map((one) => (
            <a key={one} href={`#/vms/${one.toLowerCase()}`} aria-current={one === wanted ? "page" : undefined}>
              <Dot state={one} />
              {one} <small>{count(one)}</small>
            </a>
          ))}
        </nav>
      </div>
      {chosen.length > 0 && (
        <div class="bulk" role="toolbar" aria-label="For the selected VMs">
          <span>{plural(chosen.length, "VM")} selected</span>
          {BULK.filter((action) => chosen.some(({ vm }) => allows(vm, action.operation))).map((action) => (
            <Button
              key={action.label}
              label={action.label}
              refused={right(action.message)}
              onPress={() => {
                for (const { ref, vm } of chosen) if (allows(vm, action.operation)) void perform(app, action, ref, vm);
                setSelected(new Set());
              }}
            />
          ))}
          <Button label="Clear" kind="plain" onPress={() => setSelected(new Set())} />
        </div>
      )}
      <Table
        label="Virtual machines"
        rows={rows}
        columns={columns}
        id={({ ref }) => ref}
        href={({ vm }) => `vm/${vm.uuid}`}
        sort="name"
        selected={selected}
        onSelect={setSelected}
        empty={!app.store.has("VM") ? "Loading…" : every.length ? "None of them is like this." : "There are no VMs yet. Make one with “New VM”."}
      />
      {making && <NewVm onClose={() => setMaking(false)} />}
    </>
  );
}

function NewVm({ onClose }: { onClose: () => void }) {
  const app = useApp();
  const { store, session, work } = app;
  const templates = [...store.table("VM")]
    .filter(([, vm]) => vm.is_a_template && !vm.is_a_snapshot)
    .sort(([, a], [, b]) => byName(a, b));
  const [template, setTemplate] = useState(templates.find(([, vm]) => vm.name_label.startsWith("Debian"))?.[0] ?? templates[0]?.[0] ?? "");
  const [name, setName] = useState("");
  const [network, setNetwork] = useState([...store.table("network")].find(([, one]) => one.PIFs.length)?.[0] ?? "");
  const [storage, setStorage] = useState(nothing(store.pool?.default_SR) ? "" : (store.pool?.default_SR ?? ""));
  const [starts, setStarts] = useState(true);
  const places = [...store.table("SR")].filter(([, sr]) => holdsDisks(sr)).sort(([, a], [, b]) => byName(a, b));
  const disks = store.get("VM", template)?.other_config["disks"];
  const make = async () => {
    let made = "";
    const ok = await work.tell(`Make ${name}`, async () => {
      made = await session.call<string>("VM.clone", template, name.trim());
      if (disks) {
        // Which disks a template wants stands in it as XML, and where they go is for whoever provisions to say.
        const placed = disks.replace(/\bsr=(["'])[^"']*\1/g, `sr="${store.get("SR", storage)?.uuid ?? ""}"`);
        await session.call("VM.remove_from_other_config", made, "disks");
        await session.call("VM.add_to_other_config", made, "disks", placed);
      }
      await session.call("VM.provision", made);
      if (!nothing(network)) {
        const [device] = await session.call<string[]>("VM.get_allowed_VIF_devices", made);
        const vif = { device, network, VM: made, MAC: "", MTU: 1500, other_config: {}, qos_algorithm_type: "", qos_algorithm_params: {} };
        await session.call("VIF.create", vif);
      }
    });
    const uuid = ok ? await session.call<string>("VM.get_uuid", made) : "";
    if (uuid) go(`vm/${uuid}`);
    if (ok && starts) await work.run(`Start ${name}`, "VM.start", made, false, false);
  };
  return (
    <Dialog title="New VM" confirm="Make it" refused={name.trim() ? (disks && !storage ? "Its disks need a place." : undefined) : "It needs a name."} onConfirm={make} onClose={onClose}>
      <Field label="Name">
        <input value={name} onInput={(event) => setName(event.currentTarget.value)} autofocus />
      </Field>
      <Field label="Template">
        <select value={template} onChange={(event) => setTemplate(event.currentTarget.value)}>
          {templates.map(([ref, vm]) => (
            <option key={ref} value={ref}>
              {vm.name_label}
            </option>
          ))}
        </select>
      </Field>
      {disks && (
        <Field label="Storage">
          <select value={storage} onChange={(event) => setStorage(event.currentTarget.value)}>
            {!storage && <option value="">Choose</option>}
            {places.map(([ref, sr]) => (
              <option key={ref} value={ref}>
                {sr.name_label}
                {sr.shared ? "" : ` on ${store.get("host", store.get("PBD", sr.PBDs[0])?.host)?.name_label ?? "no host"}`}
              </option>
            ))}
          </select>
        </Field>
      )}
      <Field label="Network">
        <select value={network} onChange={(event) => setNetwork(event.currentTarget.value)}>
          <option value="">None</option>
          {[...store.table("network")]
            .filter(([, one]) => one.other_config["is_host_internal_management_network"] !== "true")
            .sort(([, a], [, b]) => byName(a, b))
            .map(([ref, one]) => (
              <option key={ref} value={ref}>
                {one.name_label}
              </option>
            ))}
        </select>
      </Field>
      <label class="check">
        <input type="checkbox" checked={starts} onChange={(event) => setStarts(event.currentTarget.checked)} />
        <span>Start it</span>
      </label>
    </Dialog>
  );
}

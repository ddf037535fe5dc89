// Storage repositories, and one of them.

import type { Records } from "../records.ts";
import { useLive } from "../parts/app.ts";
import { bytes, plural } from "../parts/format.ts";
import { type Column, Table } from "../parts/table.tsx";
import { Bar, Button, Card, Empty, Facts, Head, useRight } from "../parts/ui.tsx";

type Sr = Records["SR"];

export const holdsDisks = (sr: Sr): boolean => sr.content_type !== "iso" && sr.type !== "udev";

export function Used({ sr }: { sr: Sr }) {
  if (sr.physical_size <= 0) return <>–</>;
  return (
    <span class="measured">
      <Bar value={sr.physical_utilisation / sr.physical_size} label="Space used" {...(sr.content_type === "iso" ? { tone: "plain" } : {})} />
      <small>
        {bytes(sr.physical_utilisation)} of {bytes(sr.physical_size)}
      </small>
    </span>
  );
}

export function Storage() {
  const { store } = useLive("SR", "PBD", "host", "pool");
  const host = (sr: Sr) => (sr.shared ? "shared" : (store.get("host", store.get("PBD", sr.PBDs[0])?.host)?.name_label ?? "–"));
  const columns: Column<Sr>[] = [
    {
      id: "name",
      title: "Name",
      by: (sr) => sr.name_label,
      cell: (sr) => (
        <a class="named" href={`#/sr/${sr.uuid}`} tabIndex={-1}>
          <span>{sr.name_label}</span>
          {store.get("SR", store.pool?.default_SR)?.uuid === sr.uuid && <small class="tag">default</small>}
        </a>
      ),
    },
    { id: "used", title: "Space", by: (sr) => sr.physical_utilisation / (sr.physical_size || 1), cell: (sr) => <Used sr={sr} /> },
    { id: "type", title: "Type", by: (sr) => sr.type, cell: (sr) => sr.type, from: 2 },
    { id: "host", title: "Host", by: host, cell: host, from: 2 },
    { id: "disks", title: "Disks", by: (sr) => sr.VDIs.length, cell: (sr) => sr.VDIs.length, number: true, from: 3 },
  ];
  const rows = [...store.table("SR").values()];
  return (
    <>
      <Head icon="storage" title="Storage" below={plural(rows.length, "repository", "repositories")} />
      <Table label="Storage" rows={rows} columns={columns} id={(sr) => sr.uuid} href={(sr) => `sr/${sr.uuid}`} sort="name" empty="Loading…" />
    </>
  );
}

export function SrPage({ uuid }: { uuid: string }) {
  const { store, work, session } = useLive("SR", "PBD", "host", "pool");
  const right = useRight();
  const self = store.byUuid("SR", uuid);
  const sr = store.get("SR", self);
  if (!self || !sr) return <Empty>{store.has("SR") ? "There is no such repository any more." : "Loading…"}</Empty>;
  const pool = [...store.table("pool").keys()][0];
  const isDefault = store.pool?.default_SR === self;
  return (
    <>
      <Head
        icon="storage"
        title={sr.name_label}
        below={
          <>
            {sr.shared ? "Shared" : "Local"}, {sr.type}
            {isDefault && <small class="tag">default</small>}
          </>
        }
        actions={
          <>
            <Button label="Scan" icon="reboot" refused={right("SR.scan")} onPress={() => void work.run(`Scan ${sr.name_label}`, "SR.scan", self)} />
            <Button
              label="Make it the default"
              refused={right("pool.set_default_SR") ?? (isDefault ? "It is the default." : undefined)}
              onPress={() => void work.tell(`${sr.name_label} is the default`, () => session.call("pool.set_default_SR", pool, self))}
            />
          </>
        }
      />
      <div class="columns">
        <Card title="General">
          <Facts
            rows={[
              ["Description", sr.name_description],
              ["Space", <Used sr={sr} />],
              ["Promised", bytes(sr.virtual_allocation)],
              ["uuid", <code>{sr.uuid}</code>],
            ]}
          />
        </Card>
        <Card title="Hosts">
          <Table
            label="Hosts"
            rows={sr.PBDs.flatMap((ref) => {
              const pbd = store.get("PBD", ref);
              return pbd ? [{ ref, pbd }] : [];
            })}
            id={({ ref }) => ref}
            sort="host"
            empty="No host knows it."
            columns={[
              { id: "host", title: "Host", by: ({ pbd }) => store.get("host", pbd.host)?.name_label ?? "", cell: ({ pbd }) => store.get("host", pbd.host)?.name_label },
              { id: "attached", title: "", cell: ({ pbd }) => (pbd.currently_attached ? "connected" : "not connected") },
              {
                id: "do",
                title: "",
                cell: ({ ref, pbd }) =>
                  pbd.currently_attached ? (
                    <Button label="Disconnect" refused={right("PBD.unplug")} onPress={() => void work.run(`Disconnect ${sr.name_label}`, "PBD.unplug", ref)} />
                  ) : (
                    <Button label="Connect" refused={right("PBD.plug")} onPress={() => void work.run(`Connect ${sr.name_label}`, "PBD.plug", ref)} />
                  ),
              },
            ]}
          />
        </Card>
      </div>
      <Disks sr={sr} />
    </>
  );
}

function Disks({ sr }: { sr: Sr }) {
  const { store } = useLive("VDI", "VBD", "VM");
  const rows = sr.VDIs.flatMap((ref) => store.get("VDI", ref) ?? []);
  const users = (vdi: Records["VDI"]) => vdi.VBDs.flatMap((ref) => store.get("VM", store.get("VBD", ref)?.VM)?.name_label ?? []).join(", ");
  return (
    <Card title={sr.content_type === "iso" ? "Images" : "Disks"} more={<small>{sr.VDIs.length}</small>}>
      <Table
        label="Disks"
        rows={rows}
        id={(vdi) => vdi.uuid}
        sort="name"
        empty={store.has("VDI") ? "There are none." : "Loading…"}
        columns={[
          { id: "name", title: "Name", by: (vdi) => vdi.name_label, cell: (vdi) => vdi.name_label || <code>{vdi.uuid}</code> },
          { id: "size", title: "Size", by: (vdi) => vdi.virtual_size, cell: (vdi) => bytes(vdi.virtual_size), number: true },
          { id: "used", title: "On disk", by: (vdi) => vdi.physical_utilisation, cell: (vdi) => bytes(vdi.physical_utilisation), number: true, from: 2 },
          { id: "vm", title: "VM", by: users, cell: (vdi) => users(vdi) || "–", from: 2 },
          { id: "kind", title: "", cell: (vdi) => (vdi.is_a_snapshot ? "snapshot" : vdi.read_only ? "read-only" : ""), from: 3 },
        ]}
      />
    </Card>
  );
}

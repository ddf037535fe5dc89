// Networks, and one of them.

import type { Records } from "../records.ts";
import { useLive } from "../parts/app.ts";
import { plural } from "../parts/format.ts";
import { Table } from "../parts/table.tsx";
import { Card, Empty, Facts, Head } from "../parts/ui.tsx";

type Network = Records["network"];

export function Networks() {
  const { store } = useLive("network", "PIF");
  const rows = [...store.table("network").values()];
  const vlan = (network: Network) => store.get("PIF", network.PIFs[0])?.VLAN ?? -1;
  return (
    <>
      <Head icon="network" title="Networks" below={plural(rows.length, "network")} />
      <Table
        label="Networks"
        rows={rows}
        id={(network) => network.uuid}
        href={(network) => `network/${network.uuid}`}
        sort="name"
        empty="Loading…"
        columns={[
          {
            id: "name",
            title: "Name",
            by: (network) => network.name_label,
            cell: (network) => (
              <a class="named" href={`#/network/${network.uuid}`} tabIndex={-1}>
                <span>{network.name_label}</span>
              </a>
            ),
          },
          { id: "vlan", title: "VLAN", by: vlan, cell: (network) => (vlan(network) >= 0 ? vlan(network) : "–"), number: true },
          { id: "bridge", title: "Bridge", by: (network) => network.bridge, cell: (network) => network.bridge, from: 2 },
          { id: "vifs", title: "VM interfaces", by: (network) => network.VIFs.length, cell: (network) => network.VIFs.length, number: true, from: 2 },
          { id: "mtu", title: "MTU", by: (network) => network.MTU, cell: (network) => network.MTU, number: true, from: 3 },
        ]}
      />
    </>
  );
}

export function NetworkPage({ uuid }: { uuid: string }) {
  const { store } = useLive("network", "PIF", "VIF", "VM", "host");
  const network = store.get("network", store.byUuid("network", uuid));
  if (!network) return <Empty>{store.has("network") ? "There is no such network any more." : "Loading…"}</Empty>;
  return (
    <>
      <Head icon="network" title={network.name_label} below={network.name_description} />
      <div class="columns">
        <Card title="General">
          <Facts
            rows={[
              ["Bridge", network.bridge],
              ["MTU", String(network.MTU)],
              ["Locking", network.default_locking_mode],
              ["uuid", <code>{network.uuid}</code>],
            ]}
          />
        </Card>
        <Card title="Host interfaces">
          <Table
            label="Host interfaces"
            rows={network.PIFs.flatMap((ref) => store.get("PIF", ref) ?? [])}
            id={(pif) => pif.uuid}
            sort="host"
            empty={store.has("PIF") ? "It reaches no host's interface." : "Loading…"}
            columns={[
              { id: "host", title: "Host", by: (pif) => store.get("host", pif.host)?.name_label ?? "", cell: (pif) => store.get("host", pif.host)?.name_label },
              { id: "device", title: "Device", cell: (pif) => pif.device },
              { id: "ip", title: "Address", cell: (pif) => pif.IP || "–", from: 2 },
            ]}
          />
        </Card>
      </div>
      <Card title="VM interfaces" more={<small>{network.VIFs.length}</small>}>
        <Table
          label="VM interfaces"
          rows={network.VIFs.flatMap((ref) => store.get("VIF", ref) ?? []).filter((vif) => !store.get("VM", vif.VM)?.is_a_snapshot)}
          id={(vif) => vif.uuid}
          sort="vm"
          empty={store.has("VIF") ? "No VM is connected." : "Loading…"}
          columns={[
            {
              id: "vm",
              title: "VM",
              by: (vif) => store.get("VM", vif.VM)?.name_label ?? "",
              cell: (vif) => <a href={`#/vm/${store.get("VM", vif.VM)?.uuid}`}>{store.get("VM", vif.VM)?.name_label}</a>,
            },
            { id: "device", title: "Device", cell: (vif) => vif.device, number: true },
            { id: "mac", title: "MAC", cell: (vif) => <code>{vif.MAC}</code>, from: 2 },
          ]}
        />
      </Card>
    </>
  );
}

// The pool as a tree: hosts with what runs on them, VMs that rest, storage, networks. Arrow keys move as in every tree.

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { go, useLive } from "../parts/app.ts";
import { byName } from "../parts/format.ts";
import { hostState } from "../parts/host-actions.tsx";
import { Icon } from "../parts/icons.tsx";
import { Dot } from "../parts/ui.tsx";
import { isVm } from "./vms.tsx";

interface Node {
  id: string;
  label: string;
  href: string;
  icon: string;
  state?: string;
  children?: Node[];
}

const MOST = 40;
const OPEN = "xapid.tree";

/** Big groups are cut short: the table has them all. */
function cut(nodes: Node[], id: string, href: string): Node[] {
  if (nodes.length <= MOST) return nodes;
  const more = nodes.length - MOST;
  return [...nodes.slice(0, MOST), { id: `${id}/more`, label: `${more} more…`, href, icon: "more" }];
}

function useNodes(): Node[] {
  const app = useLive("pool", "host", "host_metrics", "VM", "SR", "network");
  const { store } = app;
  const vmNode = ([, vm]: [string, (typeof vms)[number][1]]): Node => ({
    id: vm.uuid,
    label: vm.name_label,
    href: `vm/${vm.uuid}`,
    icon: "vm",
    state: vm.power_state,
  });
  const vms = [...store.table("VM")].filter(([, vm]) => isVm(vm)).sort(([, a], [, b]) => byName(a, b));
  const homes = new Map<string, Node[]>();
  const resting: Node[] = [];
  for (const one of vms) {
    const [, vm] = one;
    if (store.get("host", vm.resident_on)) {
      const there = homes.get(vm.resident_on);
      if (there) there.push(vmNode(one));
      else homes.set(vm.resident_on, [vmNode(one)]);
    } else resting.push(vmNode(one));
  }
  const hosts = [...store.table("host")]
    .sort(([, a], [, b]) => byName(a, b))
    .map(([ref, host]): Node => ({
      id: host.uuid,
      label: host.name_label,
      href: `host/${host.uuid}`,
      icon: "host",
      state: hostState(app, host),
      children: cut(homes.get(ref) ?? [], host.uuid, `host/${host.uuid}/vms`),
    }));
  const named = (name: "SR" | "network", path: string, icon: string): Node[] =>
    [...store.table(name).values()].sort(byName).map((one) => ({ id: one.uuid, label: one.name_label, href: `${path}/${one.uuid}`, icon }));
  return [
    { id: "pool", label: store.pool?.name_label || "Pool", href: "", icon: "pool", children: hosts },
    { id: "resting", label: `Not running (${resting.length})`, href: "vms/halted", icon: "vm", children: cut(resting, "resting", "vms/halted") },
    { id: "storage", label: "Storage", href: "storage", icon: "storage", children: named("SR", "sr", "storage") },
    { id: "networks", label: "Networks", href: "networks", icon: "network", children: named("network", "network", "network") },
  ];
}

interface Line {
  node: Node;
  level: number;
  parent: string | null;
  size: number;
  place: number;
}

export function Tree({ path, onGo }: { path: string; onGo: () => void }) {
  const nodes = useNodes();
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(sessionStorage.getItem(OPEN)?.split(" ") ?? ["pool"]));
  const [current, setCurrent] = useState("pool");
  const box = useRef<HTMLDivElement>(null);
  const focusing = useRef(false);
  useEffect(() => sessionStorage.setItem(OPEN, [...open].join(" ")), [open]);
  useLayoutEffect(() => {
    if (!focusing.current) return;
    focusing.current = false;
    box.current?.querySelector<HTMLElement>("[tabindex='0']")?.focus();
  });

  const lines: Line[] = [];
  const walk = (some: Node[], level: number, parent: string | null) => {
    for (const [place, node] of some.entries()) {
      lines.push({ node, level, parent, size: some.length, place });
      if (node.children && open.has(node.id)) walk(node.children, level + 1, node.id);
    }
  };
  walk(nodes, 1, null);
  const here = lines.find(({ node }) => path === node.href || path.startsWith(`${node.href}/`) && node.href !== "");
  const at = Math.max(0, lines.findIndex(({ node }) => node.id === current));

  const toggle = (id: string, to = !open.has(id)) => {
    const next = new Set(open);
    if (to) next.add(id);
    else next.delete(id);
    setOpen(next);
  };
  const key = (event: KeyboardEvent) => {
    const line = lines[at];
    if (!line) return;
    const move = (to: Line | undefined) => {
      if (!to) return;
      focusing.current = true;
      setCurrent(to.node.id);
    };
    const opens = Boolean(line.node.children?.length);
    switch (event.key) {
      case "ArrowDown":
        move(lines[at + 1]);
        break;
      case "ArrowUp":
        move(lines[at - 1]);
        break;
      case "Home":
        move(lines[0]);
        break;
      case "End":
        move(lines.at(-1));
        break;
      case "ArrowRight":
        if (opens && !open.has(line.node.id)) toggle(line.node.id, true);
        else if (opens) move(lines[at + 1]);
        break;
      case "ArrowLeft":
        if (opens && open.has(line.node.id)) toggle(line.node.id, false);
        else move(lines.find(({ node }) => node.id === line.parent));
        break;
      case "Enter":
      case " ":
        go(line.node.href);
        onGo();
        break;
      default:
        return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div class="tree" role="tree" aria-label="Pool" ref={box} onKeyDown={key}>
      {lines.map(({ node, level, size, place }, n) => {
        const opens = Boolean(node.children?.length);
        return (
          <div
            key={node.id}
            role="treeitem"
            class={`line level-${level}`}
            aria-level={level}
            aria-setsize={size}
            aria-posinset={place + 1}
            aria-expanded={opens ? open.has(node.id) : undefined}
            aria-current={here?.node.id === node.id ? "page" : undefined}
            tabIndex={n === at ? 0 : -1}
            onFocus={() => setCurrent(node.id)}
            onClick={() => {
              go(node.href);
              onGo();
            }}
          >
            <span
              class={`twist ${opens ? "" : "none"}`}
              onClick={(event) => {
                event.stopPropagation();
                toggle(node.id);
              }}
            >
              <Icon name="chevron" size={12} />
            </span>
            {node.state && node.icon === "vm" ? <Dot state={node.state} /> : <Icon name={node.icon} />}
            <span class="label">{node.label}</span>
            {node.icon === "host" && node.state !== "Running" && <small class="tag">{node.state?.toLowerCase()}</small>}
          </div>
        );
      })}
    </div>
  );
}

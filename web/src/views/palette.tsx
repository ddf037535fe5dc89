// Search: type a few letters of anything's name, press Enter, be there.

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { go, useApp } from "../parts/app.ts";
import { byName } from "../parts/format.ts";
import { Icon } from "../parts/icons.tsx";
import { isVm } from "./vms.tsx";

interface Target {
  label: string;
  kind: string;
  icon: string;
  href: string;
}

export const PAGES: Target[] = [
  { label: "Pool", kind: "page", icon: "pool", href: "" },
  { label: "Virtual machines", kind: "page", icon: "vm", href: "vms" },
  { label: "Hosts", kind: "page", icon: "host", href: "hosts" },
  { label: "Storage", kind: "page", icon: "storage", href: "storage" },
  { label: "Networks", kind: "page", icon: "network", href: "networks" },
  { label: "Tasks", kind: "page", icon: "tasks", href: "tasks" },
  { label: "Alerts", kind: "page", icon: "alerts", href: "alerts" },
  { label: "Resource report", kind: "page", icon: "report", href: "report" },
  { label: "Calls", kind: "page", icon: "calls", href: "calls" },
];
const SHOWN = 12;

export function Palette({ onClose }: { onClose: () => void }) {
  const { store } = useApp();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const dialog = useRef<HTMLDialogElement>(null);
  // At once, not after the next picture: what is typed until then would be lost.
  useLayoutEffect(() => {
    dialog.current?.showModal();
  }, []);
  const targets = useMemo<Target[]>(() => {
    const of = (name: "host" | "SR" | "network", path: string, icon: string): Target[] =>
      [...store.table(name).values()].sort(byName).map((one) => ({ label: one.name_label, kind: icon, icon, href: `${path}/${one.uuid}` }));
    const vms = [...store.table("VM").values()].filter(isVm).sort(byName);
    return [
      ...PAGES,
      ...of("host", "host", "host"),
      ...vms.map((vm) => ({ label: vm.name_label, kind: vm.power_state.toLowerCase(), icon: "vm", href: `vm/${vm.uuid}` })),
      ...of("SR", "sr", "storage"),
      ...of("network", "network", "network"),
    ];
  }, []);
  const wanted = text.trim().toLowerCase();
  const found = targets.filter(({ label, href }) => label.toLowerCase().includes(wanted) || (wanted.length > 5 && href.includes(wanted))).slice(0, SHOWN);
  const choose = (target: Target | undefined) => {
    if (!target) return;
    onClose();
    go(target.href);
  };
  const key = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt(Math.min(found.length - 1, at + 1));
    else if (event.key === "ArrowUp") setAt(Math.max(0, at - 1));
    else if (event.key === "Enter") choose(found[at]);
    else if (event.key === "Escape") onClose(); // the field would only be emptied by it
    else return;
    event.preventDefault();
  };
  return (
    <dialog ref={dialog} class="palette" aria-label="Search" onCancel={onClose} onClose={onClose} onKeyDown={key}>
      <input
        type="search"
        placeholder="Go to…"
        role="combobox"
        list={undefined}
        aria-expanded="true"
        aria-controls="found"
        aria-activedescendant={found[at] ? `found-${at}` : undefined}
        aria-label="Name"
        value={text}
        autofocus
        onInput={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
      />
      <div role="listbox" id="found" aria-label="Found">
        {found.map((target, n) => (
          <div key={target.href} id={`found-${n}`} role="option" aria-selected={n === at} onPointerMove={() => setAt(n)} onClick={() => choose(target)}>
            <Icon name={target.icon} />
            <span class="label">{target.label}</span>
            <small>{target.kind}</small>
          </div>
        ))}
        {!found.length && <p class="empty">Nothing is called that.</p>}
      </div>
    </dialog>
  );
}

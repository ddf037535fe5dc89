// What surrounds every page: the bar at the top, the tree at the side, notes about work, and the keys that work everywhere.

import { useEffect, useLayoutEffect, useReducer, useState } from "preact/hooks";
import { type App, AppContext, go, useApp, useRoute } from "../parts/app.ts";
import { useClasses } from "../api/store.ts";
import { Icon } from "../parts/icons.tsx";
import { type Choice, setTheme, theme } from "../parts/theme.ts";
import { Bar, Button, Dialog, Empty } from "../parts/ui.tsx";
import { Alerts } from "./alerts.tsx";
import { Calls } from "./calls.tsx";
import { HostPage, Hosts } from "./hosts.tsx";
import { NetworkPage, Networks } from "./networks.tsx";
import { PAGES, Palette } from "./palette.tsx";
import { PoolPage } from "./pool.tsx";
import { Report } from "./report.tsx";
import { SrPage, Storage } from "./storage.tsx";
import { isOpen, Tasks } from "./tasks.tsx";
import { Tree } from "./tree.tsx";
import { VmPage } from "./vm.tsx";
import { Vms } from "./vms.tsx";

function Page({ route }: { route: string[] }) {
  const [kind = "", id = "", tab = ""] = route;
  switch (kind) {
    case "":
      return <PoolPage />;
    case "vms":
      return <Vms state={id} />;
    case "vm":
      return <VmPage key={id} uuid={id} tab={tab} />;
    case "hosts":
      return <Hosts />;
    case "host":
      return <HostPage key={id} uuid={id} tab={tab} />;
    case "storage":
      return <Storage />;
    case "sr":
      return <SrPage key={id} uuid={id} />;
    case "networks":
      return <Networks />;
    case "network":
      return <NetworkPage key={id} uuid={id} />;
    case "tasks":
      return <Tasks />;
    case "alerts":
      return <Alerts />;
    case "report":
      return <Report />;
    case "calls":
      return <Calls />;
    default:
      return <Empty>There is no such page.</Empty>;
  }
}

const KEYS: [string, string][] = [
  ["/", "Go to anything by name"],
  ["g p", "Pool"],
  ["g v", "Virtual machines"],
  ["g h", "Hosts"],
  ["g s", "Storage"],
  ["g n", "Networks"],
  ["g t", "Tasks"],
  ["g a", "Alerts"],
  ["g r", "Resource report"],
  ["g c", "Calls"],
  ["↑ ↓ or j k", "Move in a table or in the tree"],
  ["Enter", "Open"],
  ["Space", "Select in a table"],
  ["?", "This list"],
];
const PLACES: Record<string, string> = { p: "", v: "vms", h: "hosts", s: "storage", n: "networks", t: "tasks", a: "alerts", r: "report", c: "calls" };

export function Shell({ app, onLogOut }: { app: App; onLogOut: () => void }) {
  const route = useRoute();
  const [drawer, setDrawer] = useState(false);
  const [searching, setSearching] = useState(false);
  const [keys, setKeys] = useState(false);
  const path = route.join("/");
  useEffect(() => {
    document.querySelector("main")?.scrollTo(0, 0);
  }, [route[0], route[1]]);
  useLayoutEffect(() => {
    let before = "";
    const pressed = (event: KeyboardEvent) => {
      const { target, key } = event;
      if (event.ctrlKey && key === "k") {
        event.preventDefault();
        setSearching(true);
        return;
      }
      if (event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return;
      if (target instanceof Element && target.closest("input, textarea, select, .glass")) return;
      const place = before === "g" ? PLACES[key] : undefined;
      before = key;
      if (place !== undefined) go(place);
      else if (key === "/") setSearching(true);
      else if (key === "?") setKeys(true);
      else if (key === "Escape") setDrawer(false);
      else return;
      before = "";
      event.preventDefault();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  return (
    <AppContext.Provider value={app}>
      <a class="skip" href="#content" onClick={(event) => { event.preventDefault(); document.querySelector<HTMLElement>("main")?.focus(); }}>
        To the content
      </a>
      <Top path={path} onDrawer={() => setDrawer(!drawer)} onSearch={() => setSearching(true)} onKeys={() => setKeys(true)} onLogOut={onLogOut} />
      <div class={`frame ${drawer ? "drawer-open" : ""}`}>
        <aside>
          <Nav path={path} onGo={() => setDrawer(false)} />
          <Tree path={path} onGo={() => setDrawer(false)} />
        </aside>
        <div class="shade" onClick={() => setDrawer(false)} />
        <main id="content" tabIndex={-1}>
          <div class="page">
            <Page route={route} />
          </div>
        </main>
      </div>
      <Notes />
      {searching && <Palette onClose={() => setSearching(false)} />}
      {keys && (
        <Dialog title="Keys" onClose={() => setKeys(false)}>
          <dl class="keys">
            {KEYS.map(([key, what]) => (
              <div key={key}>
                <dt>
                  {key.split(" ").map((one) => (one === "or" ? " or " : <kbd key={one}>{one}</kbd>))}
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
        </Dialog>
      )}
    </AppContext.Provider>
  );
}

interface TopProps {
  path: string;
  onDrawer: () => void;
  onSearch: () => void;
  onKeys: () => void;
  onLogOut: () => void;
}

function Top({ path, onDrawer, onSearch, onKeys, onLogOut }: TopProps) {
  const { store, session } = useApp();
  useClasses(store, "pool", "task", "message", "link");
  const tasks = [...store.table("task").values()].filter(isOpen).length;
  const alerts = store.table("message").size;
  const [chosen, setChosen] = useState<Choice>(theme());
  const next: Record<Choice, Choice> = { auto: "light", light: "dark", dark: "auto" };
  return (
    <header class="top">
      <span class="only-narrow">
        <Button label="Menu" kind="icon" icon="menu" onPress={onDrawer} />
      </span>
      <a class="brand" href="#/">
        <Icon name="pool" size={18} /> <span>{store.pool?.name_label || "xapid"}</span>
      </a>
      {store.link === "away" && (
        <span class="away" role="alert">
          The server does not answer. Trying again…
        </span>
      )}
      <span class="grow" />
      <button type="button" class="button search" onClick={onSearch}>
        <Icon name="search" /> <span>Go to…</span> <kbd>/</kbd>
      </button>
      <a class="button icon" href="#/tasks" aria-current={path === "tasks" ? "page" : undefined} title="Tasks">
        <Icon name="tasks" />
        {tasks > 0 && <b class="count">{tasks}</b>}
        <span class="unseen">Tasks</span>
      </a>
      <a class="button icon" href="#/alerts" aria-current={path === "alerts" ? "page" : undefined} title="Alerts">
        <Icon name="alerts" />
        {alerts > 0 && <b class="count">{alerts > 99 ? "99+" : alerts}</b>}
        <span class="unseen">Alerts</span>
      </a>
      <Button
        label={`Colours: ${chosen}`}
        kind="icon"
        icon={{ auto: "auto", light: "sun", dark: "moon" }[chosen]}
        onPress={() => {
          setTheme(next[chosen]);
          setChosen(next[chosen]);
        }}
      />
      <span class="only-wide">
        <Button label="Keys" kind="icon" icon="keyboard" onPress={onKeys} />
      </span>
      <span class="who" title={`${session.user}, ${session.role}`}>
        <Icon name="user" />
        <span>
          {session.user} <small>{session.role}</small>
        </span>
      </span>
      <Button label="Log out" kind="icon" icon="out" onPress={onLogOut} />
    </header>
  );
}

function Nav({ path, onGo }: { path: string; onGo: () => void }) {
  const [kind] = path.split("/");
  return (
    <nav class="pages" aria-label="Pages">
      {PAGES.map(({ label, icon, href }) => (
        <a key={href} href={`#/${href}`} aria-current={kind === href ? "page" : undefined} onClick={onGo}>
          <Icon name={icon} /> <span>{label}</span>
        </a>
      ))}
    </nav>
  );
}

/** Notes about work, at the bottom. */
function Notes() {
  const { work, store } = useApp();
  const [, again] = useReducer<number, void>((count) => count + 1, 0);
  useEffect(() => work.watch(() => again()), [work]);
  useClasses(store, "task");
  const shown = work.notes.slice(-4);
  const hidden = work.notes.length - shown.length;
  return (
    <div class="notes" role="status" aria-live="polite">
      {hidden > 0 && <div class="note">and {hidden} more</div>}
      {shown.map((note) => {
        const task = store.get("task", note.task);
        return (
          <div key={note.id} class={`note ${note.kind}`}>
            <div class="said">
              <b>{note.title}</b>
              {note.problem && <span>{note.problem.text}</span>}
              {note.problem?.code && <code>{note.problem.code}</code>}
              {note.kind === "busy" && <Bar {...(task && task.progress > 0 ? { value: task.progress } : {})} tone="progress" label={note.title} />}
            </div>
            {note.kind !== "busy" && <Button label="Close" kind="icon" icon="close" onPress={() => work.drop(note.id)} />}
          </div>
        );
      })}
    </div>
  );
}

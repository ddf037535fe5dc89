// Alerts: what the pool has to say by itself, the newest first.

import type { Records } from "../records.ts";
import { type App, useLive } from "../parts/app.ts";
import { date, moment, plural, words } from "../parts/format.ts";
import { type Column, Table } from "../parts/table.tsx";
import { Button, Head, useRight } from "../parts/ui.tsx";

type Message = Records["message"];
export interface Alert {
  ref: string;
  message: Message;
}

/** Newest first. */
export function alerts(app: App): Alert[] {
  return [...app.store.table("message")]
    .map(([ref, message]) => ({ ref, message }))
    .sort((a, b) => (a.message.timestamp < b.message.timestamp ? 1 : -1));
}

const LEVELS = ["", "critical", "serious", "warning", "notice", "information"];

export function Level({ message }: { message: Message }) {
  const level = LEVELS[Math.min(5, Math.max(1, message.priority))] ?? "information";
  return <span class={`level ${level}`}>{level}</span>;
}

function about(app: App, message: Message): { name: string; href: string } | null {
  const kinds = { VM: "vm", Host: "host", SR: "sr" } as const;
  const classes = { VM: "VM", Host: "host", SR: "SR" } as const;
  if (!(message.cls in kinds)) return null;
  const cls = message.cls as keyof typeof kinds;
  const found = app.store.get(classes[cls], app.store.byUuid(classes[cls], message.obj_uuid));
  return found ? { name: found.name_label, href: `#/${kinds[cls]}/${message.obj_uuid}` } : null;
}

export function alertColumns(app: App): Column<Alert>[] {
  return [
    { id: "level", title: "Level", by: ({ message }) => message.priority, cell: ({ message }) => <Level message={message} />, from: 2 },
    {
      id: "what",
      title: "Alert",
      by: ({ message }) => message.name,
      cell: ({ message }) => <span title={message.body}>{words(message.name)}</span>,
    },
    {
      id: "about",
      title: "About",
      cell: ({ message }) => {
        const found = about(app, message);
        return found ? <a href={found.href}>{found.name}</a> : message.cls;
      },
    },
    { id: "when", title: "When", cell: ({ message }) => moment(date(message.timestamp)), from: 2 },
  ];
}

export function Alerts() {
  const app = useLive("message", "VM", "host", "SR");
  const { store, work, session } = app;
  const right = useRight();
  const rows = alerts(app);
  const columns: Column<Alert>[] = [
    ...alertColumns(app),
    { id: "body", title: "", cell: ({ message }) => <small class="body">{message.body.replace(/<[^>]*>/g, " ").trim()}</small>, from: 3 },
    {
      id: "do",
      title: "",
      cell: ({ ref }) => (
        <Button
          label="Dismiss"
          kind="icon"
          icon="close"
          refused={right("message.destroy")}
          onPress={() => void session.call("message.destroy", ref).catch((error) => void work.tell("Dismiss", () => Promise.reject(error)))}
        />
      ),
    },
  ];
  const dismissAll = () =>
    void work.tell(`Dismiss ${plural(rows.length, "alert")}`, () => session.call("message.destroy_many", rows.map(({ ref }) => ref)));
  return (
    <>
      <Head
        icon="alerts"
        title="Alerts"
        below={store.has("message") ? plural(rows.length, "alert") : "Loading…"}
        actions={
          <Button label="Dismiss all" refused={right("message.destroy_many") ?? (rows.length ? undefined : "There are none.")} onPress={dismissAll} />
        }
      />
      <Table label="Alerts" rows={rows} columns={columns} id={({ ref }) => ref} empty="There are no alerts." />
    </>
  );
}

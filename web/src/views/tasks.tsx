// Tasks: all of them, and those that concern one object as a line above its page.

import type { Records } from "../records.ts";
import { useLive } from "../parts/app.ts";
import { date, moment, plural, words } from "../parts/format.ts";
import { Table } from "../parts/table.tsx";
import { Bar, Button, Head, useRight } from "../parts/ui.tsx";

export type Task = Records["task"];

export const isOpen = (task: Task): boolean => task.status === "pending" || task.status === "cancelling";

/** What a task does, for people: `Async.VM.start` is nothing to read. */
export function taskName(task: Task): string {
  return task.name_label.replace(/^Async\./, "");
}

export function Tasks() {
  const { store, work, session } = useLive("task", "host");
  const right = useRight();
  const rows = [...store.table("task")].map(([ref, task]) => ({ ref, task }));
  const open = rows.filter(({ task }) => isOpen(task)).length;
  return (
    <>
      <Head icon="tasks" title="Tasks" below={open ? `${plural(open, "task")} under way` : "Nothing is under way"} />
      <Table
        label="Tasks"
        rows={rows}
        id={({ ref }) => ref}
        sort="begun"
        empty="There are no tasks. The server forgets those that are done."
        columns={[
          { id: "name", title: "Task", by: ({ task }) => taskName(task), cell: ({ task }) => taskName(task) },
          {
            id: "status",
            title: "Progress",
            cell: ({ task }) =>
              isOpen(task) ? <Bar value={task.progress} tone="progress" label={taskName(task)} /> : <Outcome task={task} />,
          },
          { id: "begun", title: "Begun", by: ({ task }) => task.created, cell: ({ task }) => moment(date(task.created)), from: 2 },
          { id: "where", title: "On", cell: ({ task }) => store.get("host", task.resident_on)?.name_label ?? "–", from: 3 },
          {
            id: "do",
            title: "",
            cell: ({ ref, task }) =>
              isOpen(task) && (
                <Button
                  label="Cancel"
                  refused={
                    right("task.cancel") ??
                    ((task.allowed_operations as readonly string[]).includes("cancel") ? undefined : "This task cannot be cancelled.")
                  }
                  onPress={() => void work.tell(`Cancel ${taskName(task)}`, () => session.call("task.cancel", ref))}
                />
              ),
          },
        ]}
      />
    </>
  );
}

function Outcome({ task }: { task: Task }) {
  if (task.status === "success") return <span class="good">done</span>;
  const [code = task.status] = task.error_info;
  return (
    <span class="bad" title={task.error_info.join(" · ")}>
      {words(code)}
    </span>
  );
}

/** What is being done to the object with reference `of`, as it goes on. */
export function Progress({ of }: { of: string }) {
  const { store } = useLive("task", "VM", "host");
  const doing: Record<string, string> = store.get("VM", of)?.current_operations ?? store.get("host", of)?.current_operations ?? {};
  const entries = Object.entries(doing);
  if (!entries.length) return null;
  return (
    <div class="under-way" role="status">
      {entries.map(([ref, operation]) => {
        const task = store.get("task", ref);
        return (
          <p key={ref}>
            <span>{words(operation)}</span>
            {task ? <Bar value={task.progress} tone="progress" label={operation} /> : <Bar tone="progress" label={operation} />}
            {task && <small>{Math.round(task.progress * 100)} %</small>}
          </p>
        );
      })}
    </div>
  );
}

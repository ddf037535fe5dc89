// Work that takes time: calls as tasks on the server, what became of them, and short notes about it to the user.

import type { Session } from "../api/session.ts";
import { NULL, type Store } from "../api/store.ts";
import { XenError } from "../api/rpc.ts";
import { type Problem, problem } from "./errors.ts";

export interface Note {
  readonly id: number;
  readonly kind: "busy" | "done" | "failed";
  readonly title: string;
  readonly problem?: Problem;
  readonly task?: string;
}

const STAYS_MS = { done: 4000, failed: 15000 };

export class Work {
  notes: readonly Note[] = [];
  private last = 0;
  private readonly watchers = new Set<() => void>();

  constructor(
    private readonly session: Session,
    private readonly store: Store,
  ) {}

  watch(changed: () => void): () => void {
    this.watchers.add(changed);
    return () => this.watchers.delete(changed);
  }

  /** Calls `Async.METHOD` and follows its task. True if it succeeded; if not, the user has been told why. */
  run(title: string, method: string, ...params: unknown[]): Promise<boolean> {
    return this.tell(title, async (id) => {
      const task = await this.session.call<string>(`Async.${method}`, ...params);
      this.put({ id, kind: "busy", title, task });
      try {
        await this.finished(task);
      } finally {
        await this.session.call("task.destroy", task).catch(() => {});
      }
    });
  }

  /** Does something short. True if it succeeded; if not, the user has been told why. */
  tell(title: string, act: (id: number) => Promise<unknown>): Promise<boolean> {
    const id = ++this.last;
    this.put({ id, kind: "busy", title });
    return act(id).then(
      () => {
        this.put({ id, kind: "done", title });
        setTimeout(() => this.drop(id), STAYS_MS.done);
        return true;
      },
      (error: unknown) => {
        this.put({ id, kind: "failed", title, problem: problem(error, this.store) });
        setTimeout(() => this.drop(id), STAYS_MS.failed);
        return false;
      },
    );
  }

  drop(id: number): void {
    this.notes = this.notes.filter((note) => note.id !== id);
    this.say();
  }

  /** Resolves when the task has succeeded. Its record comes by events; the server is asked only if it is gone. */
  private finished(ref: string): Promise<void> {
    return new Promise((done, failed) => {
      let asking = false;
      const look = () => {
        const task = this.store.get("task", ref);
        if (!task || task.status === "pending" || task.status === "cancelling") return;
        stop();
        if (task.status === "success") done();
        else failed(new XenError(task.error_info[0] ?? "TASK_CANCELLED", task.error_info.slice(1)));
      };
      const ask = async () => {
        if (asking || this.store.link === "live") return;
        asking = true;
        const status = await this.session.call<string>("task.get_status", ref).catch(() => "");
        asking = false;
        if (status === "success") {
          stop();
          done();
        }
      };
      const timer = setInterval(() => void ask(), 2000);
      const unwatch = this.store.watch("task", look);
      const stop = () => {
        clearInterval(timer);
        unwatch();
      };
      look();
    });
  }

  private put(note: Note): void {
    const known = this.notes.some((other) => other.id === note.id);
    this.notes = known ? this.notes.map((other) => (other.id === note.id ? note : other)) : [...this.notes, note];
    this.say();
  }

  private say(): void {
    for (const watcher of this.watchers) watcher();
  }
}

export const nothing = (ref: string | undefined): boolean => !ref || ref === NULL;

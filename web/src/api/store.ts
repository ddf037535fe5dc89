// The pool as this tab knows it: tables of records, loaded once and kept current by event.from.
//
// A class is loaded when something first asks for it. Its records are fetched after the event loop has been told to include
// it, from a token that is older, so that no change falls between the two; what comes twice is the same.

import { useEffect, useReducer } from "preact/hooks";
import type { Records } from "../records.ts";
import { XenError } from "./rpc.ts";
import type { Session } from "./session.ts";

export type ClassName = keyof Records;
export type Table<C extends ClassName> = ReadonlyMap<string, Records[C]>;
export const NULL = "OpaqueRef:NULL";

interface Event {
  class: string;
  operation: "add" | "mod" | "del";
  ref: string;
  snapshot?: unknown;
}
interface Batch {
  events: Event[];
  token: string;
}

/** What every page needs; the rest is loaded by those that show it. */
const FIRST: ClassName[] = ["host", "VM", "host_metrics", "SR", "network", "task"];
const SOON: ClassName[] = ["VM_guest_metrics", "message", "PBD"];
const WAIT_S = 30;
const TELL_EVERY_MS = 120;
const RETRY_MS = [500, 1000, 2000, 5000];

export type Link = "live" | "paused" | "away";

export class Store {
  private readonly tables = new Map<ClassName, Map<string, unknown>>();
  private readonly uuids = new Map<ClassName, Map<string, string>>();
  private readonly loaded = new Map<ClassName, Promise<void>>();
  private readonly ready = new Set<ClassName>();
  private readonly wireNames = new Map<string, ClassName>();
  private readonly watchers = new Map<ClassName | "link", Set<() => void>>();
  private readonly changed = new Set<ClassName | "link">();
  /** What came for a class while it was fetched: it may be newer than what is fetched. */
  private readonly meanwhile = new Map<ClassName, Event[]>();
  private token = "";
  private waiting = new AbortController();
  private over = false;
  private told = 0;
  private generation = 0;
  link: Link = "live";

  constructor(readonly session: Session) {
    document.addEventListener("visibilitychange", this.seen);
    addEventListener("offline", this.cut);
    addEventListener("online", this.cut);
  }

  /** Loads what every page needs. */
  async start(): Promise<void> {
    const first = await this.session.call<Batch>("event.from", ["pool"], "", 0.0);
    this.token = first.token;
    this.include("pool");
    this.loaded.set("pool", Promise.resolve());
    this.ready.add("pool");
    this.take(first.events);
    const all = Promise.all(FIRST.map((name) => this.load(name)));
    void this.follow();
    await all;
    for (const name of SOON) void this.load(name).catch(() => {});
  }

  stop(): void {
    this.over = true;
    document.removeEventListener("visibilitychange", this.seen);
    removeEventListener("offline", this.cut);
    removeEventListener("online", this.cut);
    this.cut();
  }

  /** The records of a class by reference; empty until they are there. */
  table<C extends ClassName>(name: C): Table<C> {
    return (this.tables.get(name) ?? new Map()) as Table<C>;
  }

  get<C extends ClassName>(name: C, ref: string | undefined): Records[C] | undefined {
    return ref === undefined ? undefined : (this.tables.get(name)?.get(ref) as Records[C] | undefined);
  }

  /** The reference of the object with a uuid. */
  byUuid(name: ClassName, uuid: string): string | undefined {
    return this.uuids.get(name)?.get(uuid);
  }

  has(name: ClassName): boolean {
    return this.ready.has(name);
  }

  get pool(): Records["pool"] | undefined {
    return this.table("pool").values().next().value;
  }

  /** Resolves when the records of a class are there. */
  load(name: ClassName): Promise<void> {
    let loading = this.loaded.get(name);
    if (!loading) {
      loading = this.fetch(name);
      this.loaded.set(name, loading);
      loading.catch(() => this.loaded.delete(name));
    }
    return loading;
  }

  private async fetch(name: ClassName): Promise<void> {
    const generation = this.generation;
    this.include(name);
    this.waiting.abort(); // so that the loop goes on from the same token with this class too
    const late: Event[] = [];
    this.meanwhile.set(name, late);
    try {
      const records = await this.session.call<Record<string, Records[ClassName]>>(`${name}.get_all_records`);
      if (generation !== this.generation) return;
      this.tables.delete(name);
      this.uuids.delete(name);
      const table = this.rows(name);
      for (const [ref, record] of Object.entries(records)) this.put(name, table, ref, record);
    } finally {
      if (this.meanwhile.get(name) === late) this.meanwhile.delete(name);
    }
    this.take(late);
    this.ready.add(name);
    this.change(name);
  }

  private include(name: ClassName): void {
    this.wireNames.set(name.toLowerCase(), name);
  }

  private rows(name: ClassName): Map<string, unknown> {
    let table = this.tables.get(name);
    if (!table) {
      table = new Map();
      this.tables.set(name, table);
      this.uuids.set(name, new Map());
    }
    return table;
  }

  private put(name: ClassName, table: Map<string, unknown>, ref: string, record: unknown): void {
    table.set(ref, record);
    const { uuid } = record as { uuid?: string };
    if (uuid) this.uuids.get(name)?.set(uuid, ref);
  }

  private take(events: readonly Event[]): void {
    for (const event of events) {
      const { class: wireName, operation, ref, snapshot } = event;
      const name = this.wireNames.get(wireName);
      if (!name) continue;
      this.meanwhile.get(name)?.push(event);
      const table = this.rows(name);
      if (operation === "del") {
        const { uuid } = (table.get(ref) ?? {}) as { uuid?: string };
        table.delete(ref);
        if (uuid) this.uuids.get(name)?.delete(uuid);
      } else if (snapshot) {
        this.put(name, table, ref, snapshot);
      }
      this.change(name);
    }
  }

  private async follow(): Promise<void> {
    let failures = 0;
    while (!this.over) {
      if (document.hidden) {
        this.say("paused");
        await this.shown();
        continue;
      }
      this.waiting = new AbortController();
      const { signal } = this.waiting;
      try {
        if (!this.token) await this.afresh();
        const classes = [...this.wireNames.values()];
        const batch = await this.session.wait<Batch>(signal, "event.from", classes, this.token, WAIT_S);
        failures = 0;
        this.say("live");
        this.token = batch.token;
        this.take(batch.events);
      } catch (problem) {
        if (this.over) return;
        if (problem instanceof DOMException && problem.name === "AbortError") continue;
        if (problem instanceof XenError && problem.code === "EVENTS_LOST") this.token = "";
        else if (problem instanceof XenError && problem.code === "SESSION_INVALID") return;
        else {
          this.say("away");
          await new Promise<void>((wake) => {
            this.wake = wake;
            setTimeout(wake, RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
          });
        }
      }
    }
  }

  /** Too much happened meanwhile: everything is fetched again. */
  private async afresh(): Promise<void> {
    const { token } = await this.session.call<Batch>("event.from", ["pool"], "", 0.0);
    this.generation++;
    const names = [...this.wireNames.values()];
    this.loaded.clear();
    await Promise.all(names.map((name) => this.load(name)));
    this.token = token; // only now, so that a failure on the way begins it all again
  }

  private wake: () => void = () => {};

  /** The network has come or gone: what waits for an answer, or to try again, tries at once. */
  private readonly cut = (): void => {
    this.waiting.abort();
    this.wake();
  };

  private readonly seen = (): void => {
    if (document.hidden) this.waiting.abort();
  };

  private shown(): Promise<void> {
    return new Promise((go) => {
      const look = () => {
        if (document.hidden) return;
        document.removeEventListener("visibilitychange", look);
        go();
      };
      document.addEventListener("visibilitychange", look);
      look();
    });
  }

  private say(link: Link): void {
    if (link === this.link) return;
    this.link = link;
    this.change("link");
  }

  // Who looks on ---------------------------------------------------------------------------------------------------

  watch(name: ClassName | "link", changed: () => void): () => void {
    let watchers = this.watchers.get(name);
    if (!watchers) this.watchers.set(name, (watchers = new Set()));
    watchers.add(changed);
    return () => watchers.delete(changed);
  }

  private change(name: ClassName | "link"): void {
    // At once, unless a lot is going on: then a few times a second, so that pages have time for their users.
    if (!this.changed.size) setTimeout(() => this.tell(), Math.max(0, this.told + TELL_EVERY_MS - performance.now()));
    this.changed.add(name);
  }

  private tell(): void {
    const told = new Set<() => void>();
    for (const name of this.changed) for (const watcher of this.watchers.get(name) ?? []) told.add(watcher);
    this.changed.clear();
    this.told = performance.now();
    for (const watcher of told) watcher();
  }
}

/** Renders again whenever objects of these classes change, and has them loaded. */
export function useClasses(store: Store, ...names: (ClassName | "link")[]): void {
  const [, again] = useReducer<number, void>((count) => count + 1, 0);
  const key = names.join();
  useEffect(() => {
    const stops = names.map((name) => store.watch(name, () => again()));
    for (const name of names) if (name !== "link") void store.load(name).catch(() => {});
    again();
    return () => stops.forEach((stop) => stop());
  }, [store, key]);
}

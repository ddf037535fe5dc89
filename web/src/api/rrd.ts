// What was measured: GET /rrd_updates, as series of numbers by the names that the server gives them.

import { Unreachable } from "./rpc.ts";
import type { Session } from "./session.ts";

interface Update {
  meta: { start: number; step: number; end: number; legend: string[] };
  data: { t: number; values: (string | number)[] }[];
}

export interface Of {
  kind: "vm" | "host";
  uuid: string;
  /** uuid of the host that measures it. */
  host: string;
}

/** What a chart covers: seconds, the step of the archive that has them, and how often there is something new. */
export const SPANS = [
  { label: "10 min", seconds: 600, step: 5, every: 5 },
  { label: "2 h", seconds: 7200, step: 60, every: 60 },
  { label: "1 week", seconds: 604800, step: 3600, every: 3600 },
  { label: "1 year", seconds: 31536000, step: 86400, every: 3600 },
] as const;
export type Span = (typeof SPANS)[number];

/** Series of one object over one span, gathered by polling. */
export class Measured {
  /** Seconds since 1970, oldest first. */
  times: number[] = [];
  /** By name (`cpu0`, `vif_0_rx`); NaN where nothing is known. As long as `times`. */
  readonly series = new Map<string, number[]>();
  private end = 0;

  constructor(
    private readonly session: Session,
    private readonly of: Of,
    private readonly span: Span,
  ) {}

  /** Fetches what is new. */
  async update(signal: AbortSignal): Promise<void> {
    const { kind, uuid, host } = this.of;
    const query = new URLSearchParams({
      start: String(this.end || -this.span.seconds),
      interval: String(this.span.step),
      json: "true",
      on_host: host,
      session_id: this.session.ref,
      vm_uuid: uuid, // no VM has the uuid of a host, so that a host's come alone
      ...(kind === "host" ? { host: "true" } : {}),
    });
    const response = await fetch(`/rrd_updates?${query}`, { credentials: "omit", cache: "no-store", signal });
    if (!response.ok) throw new Unreachable(`The host answered ${response.status}.`);
    this.take((await response.json()) as Update);
  }

  private take({ meta, data }: Update): void {
    const columns = meta.legend.map((entry) => entry.split(":"));
    const rows = data.filter((row) => row.t > this.end).reverse();
    for (const row of rows) {
      const at = this.times.length;
      this.times.push(row.t);
      for (const [n, [, kind, uuid, name]] of columns.entries()) {
        if (kind !== this.of.kind || uuid !== this.of.uuid || !name) continue;
        let values = this.series.get(name);
        if (!values) this.series.set(name, (values = new Array<number>(at).fill(NaN)));
        values[at] = Number(row.values[n]);
      }
      for (const values of this.series.values()) if (values.length <= at) values[at] = NaN;
    }
    this.end = Math.max(this.end, meta.end);
    const old = this.times.findIndex((time) => time >= this.end - this.span.seconds);
    if (old > 0) {
      this.times.splice(0, old);
      for (const values of this.series.values()) values.splice(0, old);
    }
  }

  /** One series out of all whose name matches: their sum, or their mean. */
  gathered(name: RegExp, how: "sum" | "mean", factor = 1): number[] {
    const found = [...this.series].filter(([key]) => name.test(key)).map(([, values]) => values);
    return this.times.map((_, at) => {
      const known = found.map((values) => values[at] ?? NaN).filter((value) => !Number.isNaN(value));
      if (!known.length) return NaN;
      const sum = known.reduce((a, b) => a + b, 0);
      return (how === "mean" ? sum / known.length : sum) * factor;
    });
  }
}

// JSON-RPC 2.0 over POST /jsonrpc: one function per thing that the protocol knows, and a record of what was said.

/** A XenAPI error: its code and its parameters, as docs and clients know them. */
export class XenError extends Error {
  constructor(
    readonly code: string,
    readonly params: readonly string[],
  ) {
    super(params.length ? `${code}: ${params.join(", ")}` : code);
  }
}

/** The server cannot be reached, or what answers is no XenAPI server. */
export class Unreachable extends Error {}

/** One call that this console made. Sessions and passwords are left out. */
export interface Said {
  readonly number: number;
  readonly at: Date;
  readonly method: string;
  readonly params: readonly unknown[];
  ms?: number;
  error?: string;
}

const KEPT = 300;
const SECRET = new Set(["session.login_with_password", "session.change_password"]);
/** Stands for the session where a call has it as a parameter of its own. */
export const HANDLE = Symbol("session");

/** The last calls, the newest last. `onSaid` hears of each new one. */
export const said: Said[] = [];
export let onSaid: () => void = () => {};
export const listen = (heard: () => void) => {
  onSaid = heard;
};

let number = 0;

/** The result of a call. Throws XenError, Unreachable, or the AbortError of `signal`. */
export async function rpc<T>(method: string, params: readonly unknown[], signal?: AbortSignal): Promise<T> {
  const id = ++number;
  const [session, ...rest] = params;
  const shown = SECRET.has(method) ? ["…"] : rest.map((param) => (param === session ? HANDLE : param));
  const entry: Said = { number: id, at: new Date(), method, params: shown };
  said.push(entry);
  if (said.length > KEPT) said.shift();
  const began = performance.now();
  try {
    const answer = await patiently(!signal && READS.test(method), () => post(JSON.stringify({ jsonrpc: "2.0", method, params, id }), signal));
    if (answer.error) throw new XenError(answer.error.message, answer.error.data ?? []);
    return answer.result as T;
  } catch (problem) {
    entry.error = problem instanceof Error ? problem.message : String(problem);
    throw problem;
  } finally {
    entry.ms = performance.now() - began;
    onSaid();
  }
}

/** Calls that change nothing, and so can be made again when the network fails. */
const READS = /^[A-Za-z_]+\.(get_|from$)/;
const AGAIN_MS = [200, 800, 2000];

async function patiently<T>(again: boolean, act: () => Promise<T>): Promise<T> {
  for (const pause of again ? AGAIN_MS : []) {
    try {
      return await act();
    } catch (problem) {
      if (!(problem instanceof Unreachable)) throw problem;
      await new Promise((wake) => setTimeout(wake, pause));
    }
  }
  return act();
}

interface Answer {
  result?: unknown;
  error?: { code: number; message: string; data?: string[] };
}

async function post(body: string, signal?: AbortSignal): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch("/jsonrpc", {
      method: "POST",
      headers: { "content-type": "application/json" },
      credentials: "omit",
      cache: "no-store",
      body,
      signal: signal ?? null,
    });
    if (response.ok) return (await response.json()) as Answer;
  } catch (problem) {
    if (signal?.aborted) throw problem;
    throw new Unreachable("The server does not answer.");
  }
  throw new Unreachable(`The server answered ${response.status}.`);
}

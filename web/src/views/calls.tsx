// The calls that this console has made: what it does is what any program can do, so it can be read as documentation.

import { useEffect, useReducer } from "preact/hooks";
import { HANDLE, listen, type Said, said } from "../api/rpc.ts";
import { moment } from "../parts/format.ts";
import { Button, Empty, Head } from "../parts/ui.tsx";

/** A call as a program in Python would make it. */
export function asPython({ method, params }: Said): string {
  return `session.xenapi.${method}(${params.map(literal).join(", ")})`;
}

function literal(value: unknown): string {
  if (value === HANDLE) return "session.handle";
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null || value === undefined) return "None";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${literal(one)}`).join(", ")}}`;
  return JSON.stringify(value);
}

export function Calls() {
  const [, again] = useReducer<number, void>((count) => count + 1, 0);
  useEffect(() => {
    listen(() => again());
    return () => listen(() => {});
  }, []);
  const shown = said.filter(({ method }) => method !== "event.from").reverse();
  const polls = said.filter(({ method }) => method === "event.from");
  return (
    <>
      <Head
        icon="calls"
        title="Calls"
        below="What this page said to the server, newest first. Any program can say the same."
        actions={<Button label="Copy as Python" onPress={() => void navigator.clipboard?.writeText([...shown].reverse().map(asPython).join("\n"))} />}
      />
      <p class="hint">
        Between them it waits for changes with <code>event.from</code> ({polls.length} of the last {said.length} calls).
      </p>
      {shown.length ? (
        <ol class="calls">
          {shown.map((call) => (
            <li key={call.number} class={call.error ? "bad" : ""}>
              <code>{asPython(call)}</code>
              <small>
                {moment(call.at)}
                {call.ms !== undefined && ` · ${call.ms.toFixed(0)} ms`}
                {call.error && ` · ${call.error}`}
              </small>
            </li>
          ))}
        </ol>
      ) : (
        <Empty>None yet.</Empty>
      )}
    </>
  );
}

// The screen of a VM or of a host: RFB over a WebSocket to GET /console.

import type RFB from "@novnc/novnc";
import { useEffect, useRef, useState } from "preact/hooks";
import { useApp } from "./app.ts";
import { Button, Empty } from "./ui.tsx";

/** noVNC, as it is served: see build.mjs. */
const MODULE = "/screen.js";
const AGAIN_MS = 1500;
const ATTEMPTS = 5;
const ENTER = 0xff0d;

type State = "connecting" | "connected" | "closed";

/** `console` is the reference of the console, `host` the uuid of the host that shows it. */
export function Screen({ console: ref, host, name }: { console: string; host: string; name: string }) {
  const { session } = useApp();
  const box = useRef<HTMLDivElement>(null);
  const rfb = useRef<RFB | null>(null);
  const tries = useRef(0);
  const [state, setState] = useState<State>("connecting");
  const [attempt, setAttempt] = useState(0);
  const [text, setText] = useState("");

  useEffect(() => {
    let over = false;
    let timer = 0;
    let screen: RFB | null = null;
    setState("connecting");
    const connect = async () => {
      const { RFB } = await (import(MODULE) as Promise<typeof import("../screen.ts")>);
      if (over || !box.current) return;
      const query = new URLSearchParams({ ref, on_host: host, session_id: session.ref });
      const made = new RFB(box.current, `wss://${location.host}/console?${query}`, { shared: true, wsProtocols: ["binary"] });
      screen = made;
      made.scaleViewport = true;
      made.background = "transparent";
      made.showDotCursor = true;
      made.addEventListener("connect", () => {
        setState("connected");
        tries.current = 0;
        rfb.current = made;
        made.focus();
      });
      made.addEventListener("disconnect", () => {
        rfb.current = null;
        if (over) return;
        setState("closed");
        // A VM that has moved or rebooted is there again in a moment.
        if (tries.current++ < ATTEMPTS) timer = window.setTimeout(() => setAttempt(attempt + 1), AGAIN_MS);
      });
    };
    void connect();
    return () => {
      over = true;
      clearTimeout(timer);
      rfb.current = null;
      screen?.disconnect();
    };
  }, [ref, host, attempt]);

  const type = (event: SubmitEvent) => {
    event.preventDefault();
    for (const character of text) {
      const code = character.codePointAt(0) ?? 0;
      rfb.current?.sendKey(code < 0x100 ? code : 0x01000000 | code, null);
    }
    rfb.current?.sendKey(ENTER, "Enter");
    setText("");
  };
  const off = state === "connected" ? undefined : "There is no connection.";
  return (
    <div class="screen">
      <div class="toolbar">
        <span class="status" role="status" data-state={state}>
          {state === "connected" ? "Connected" : state === "connecting" ? "Connecting…" : "Not connected"}
        </span>
        <Button label="Ctrl-Alt-Del" refused={off} onPress={() => rfb.current?.sendCtrlAltDel()} />
        <Button label="Full screen" refused={off} onPress={() => void box.current?.requestFullscreen()} />
        {state === "closed" && <Button label="Connect again" onPress={() => setAttempt(attempt + 1)} />}
        <form onSubmit={type}>
          <input
            aria-label="Text to type on the screen"
            placeholder="Type a line…"
            value={text}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </form>
      </div>
      <div class="glass" ref={box} role="application" aria-label={`Screen of ${name}`} />
    </div>
  );
}

export function NoScreen() {
  return <Empty>There is a screen while it runs.</Empty>;
}

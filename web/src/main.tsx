// Where it begins: a session that this tab still has, or the page that asks for one; then the pool.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { resume, type Session, whenEnded } from "./api/session.ts";
import { Store } from "./api/store.ts";
import type { App } from "./parts/app.ts";
import { problem } from "./parts/errors.ts";
import { setTheme, theme } from "./parts/theme.ts";
import { Empty } from "./parts/ui.tsx";
import { Work } from "./parts/work.ts";
import { Login } from "./views/login.tsx";
import { Shell } from "./views/shell.tsx";

function Console() {
  const [app, setApp] = useState<App | null>(null);
  const [why, setWhy] = useState<string | null>(null);
  const leave = (said: string) => {
    setApp((old) => {
      old?.store.stop();
      return null;
    });
    setWhy(said);
  };
  const enter = (session: Session) => {
    const store = new Store(session);
    setApp({ session, store, work: new Work(session, store) });
    store.start().then(
      () => performance.mark("live"),
      (error: unknown) => leave(problem(error).text),
    );
  };
  useEffect(() => {
    whenEnded(leave);
    resume().then(
      (session) => (session ? enter(session) : setWhy("")),
      (error: unknown) => setWhy(problem(error).text),
    );
  }, []);
  if (app) {
    const out = () => {
      void app.session.logOut();
      leave("");
    };
    return <Shell app={app} onLogOut={out} />;
  }
  return why === null ? <Empty>…</Empty> : <Login key={why} why={why} onSession={enter} />;
}

setTheme(theme());
const root = document.getElementById("app");
if (root) render(<Console />, root);

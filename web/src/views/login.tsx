// The first page: a name and a password.

import { useRef, useState } from "preact/hooks";
import { XenError } from "../api/rpc.ts";
import { logIn, type Session } from "../api/session.ts";
import { problem } from "../parts/errors.ts";
import { Icon } from "../parts/icons.tsx";
import { Field } from "../parts/ui.tsx";

export function Login({ why, onSession }: { why: string; onSession: (session: Session) => void }) {
  const [said, setSaid] = useState(why);
  const [elsewhere, setElsewhere] = useState("");
  const [busy, setBusy] = useState(false);
  const password = useRef<HTMLInputElement>(null);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    if (busy) return;
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setSaid("");
    try {
      onSession(await logIn(String(form.get("user")), String(form.get("password"))));
    } catch (error) {
      setSaid(problem(error).text);
      if (error instanceof XenError && error.code === "HOST_IS_SLAVE" && error.params[0]) {
        setElsewhere(`https://${error.params[0].includes(":") ? `[${error.params[0]}]` : error.params[0]}${location.port && `:${location.port}`}/`);
      }
      password.current?.select();
    } finally {
      setBusy(false);
    }
  };
  return (
    <main class="login">
      <form onSubmit={submit}>
        <h1>
          <Icon name="pool" size={26} /> xapid
        </h1>
        <Field label="User name">
          <input name="user" value="root" autocomplete="username" autocapitalize="off" spellcheck={false} required />
        </Field>
        <Field label="Password">
          <input ref={password} name="password" type="password" autocomplete="current-password" required autofocus />
        </Field>
        <p class="said" role="alert">
          {said}{" "}
          {elsewhere && <a href={elsewhere}>{elsewhere}</a>}
        </p>
        <button type="submit" class="button primary" aria-disabled={busy}>
          {busy ? "Logging in…" : "Log in"}
        </button>
      </form>
    </main>
  );
}

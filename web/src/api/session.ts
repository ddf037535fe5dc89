// The user's session: it lives in this tab, in no cookie but for the moment in which a download begins, and ends with the tab,
// with logging out, or when the server says so.

import { rpc, XenError } from "./rpc.ts";

const KEY = "xapid.session";
/** Seconds that the request for a download has to leave the browser. */
const LEAVING = 10;
const ROLES = ["pool-admin", "pool-operator", "vm-power-admin", "vm-admin", "vm-operator", "read-only"];

interface SessionRecord {
  is_local_superuser: boolean;
  rbac_permissions: string[];
  auth_user_name: string;
}

/** Who is logged in, and what they may do. */
export class Session {
  private readonly permissions: ReadonlySet<string>;
  readonly user: string;
  readonly role: string;
  private readonly unlimited: boolean;

  constructor(
    readonly ref: string,
    record: SessionRecord,
  ) {
    this.permissions = new Set(record.rbac_permissions);
    this.unlimited = record.is_local_superuser;
    this.user = record.auth_user_name || "root";
    this.role = this.unlimited ? "administrator" : (ROLES.find((role) => this.permissions.has(role)) ?? "no role");
  }

  /** Whether the user's roles give the right to a message (`VM.start`) or an HTTP handler (`http/get_export`). */
  may(permission: string): boolean {
    return this.unlimited || this.permissions.has(permission.toLowerCase());
  }

  /** The result of a call in this session. */
  async call<T = unknown>(method: string, ...params: unknown[]): Promise<T> {
    try {
      return await rpc<T>(method, [this.ref, ...params]);
    } catch (problem) {
      this.notice(problem);
      throw problem;
    }
  }

  /** The same, for calls that wait: `signal` gives them up. */
  async wait<T>(signal: AbortSignal, method: string, ...params: unknown[]): Promise<T> {
    try {
      return await rpc<T>(method, [this.ref, ...params], signal);
    } catch (problem) {
      this.notice(problem);
      throw problem;
    }
  }

  /**
   * Has the browser fetch a file. The cookie is for that path, and gone when the request has left: an address would stay in
   * histories and logs, with the session in it.
   */
  download(path: string, query: Record<string, string>): void {
    const only = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `session_id=${this.ref}; Path=${path}; Max-Age=${LEAVING}; SameSite=Strict${only}`;
    location.assign(`${path}?${new URLSearchParams(query)}`);
  }

  private notice(problem: unknown): void {
    if (problem instanceof XenError && problem.code === "SESSION_INVALID") ended("Your session has ended.");
  }

  /** Ends it here and on the server. */
  async logOut(): Promise<void> {
    forget();
    await rpc("session.logout", [this.ref]).catch(() => {});
  }
}

let ended: (why: string) => void = () => {};

/** `heard` is told when the server no longer knows the session. */
export function whenEnded(heard: (why: string) => void): void {
  ended = (why) => {
    forget();
    heard(why);
  };
}

function forget(): void {
  sessionStorage.removeItem(KEY);
}

async function open(ref: string): Promise<Session> {
  return new Session(ref, await rpc<SessionRecord>("session.get_record", [ref, ref]));
}

/** Throws XenError: SESSION_AUTHENTICATION_FAILED, HOST_IS_SLAVE and others. */
export async function logIn(user: string, password: string): Promise<Session> {
  const ref = await rpc<string>("session.login_with_password", [user, password, "2.23", "xapid web console"]);
  const session = await open(ref);
  sessionStorage.setItem(KEY, ref);
  return session;
}

/** The session that this tab had before it was reloaded, if the server still knows it. */
export async function resume(): Promise<Session | null> {
  const ref = sessionStorage.getItem(KEY);
  if (!ref) return null;
  try {
    return await open(ref);
  } catch (problem) {
    if (!(problem instanceof XenError)) throw problem;
    forget();
    return null;
  }
}

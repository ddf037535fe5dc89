// What went wrong, said for people: the code stays in view, because it is what manuals and logs know.

import { Unreachable, XenError } from "../api/rpc.ts";
import type { Store } from "../api/store.ts";
import { words } from "./format.ts";

const SAID: Record<string, string> = {
  SESSION_AUTHENTICATION_FAILED: "The user name or the password is wrong.",
  RBAC_PERMISSION_DENIED: "Your role does not allow this.",
  HOST_IS_SLAVE: "This host is a member of a pool. Log in at its coordinator.",
  VM_BAD_POWER_STATE: "The VM is not in a state in which this can be done.",
  OTHER_OPERATION_IN_PROGRESS: "Something else is being done to it.",
  NO_HOSTS_AVAILABLE: "There is no host on which it could run.",
  HOST_NOT_ENOUGH_FREE_MEMORY: "The host does not have enough free memory.",
  HOST_POWER_ON_NOT_CONFIGURED: "No power-on mode is set for this host.",
  TASK_CANCELLED: "It was cancelled.",
};

export interface Problem {
  /** What happened, in a sentence. */
  text: string;
  /** The error as the API says it. */
  code: string;
}

export function problem(error: unknown, store?: Store): Problem {
  if (error instanceof XenError) {
    const params = error.params.map((param) => named(param, store)).filter(Boolean);
    return { text: SAID[error.code] ?? `${words(error.code)}.`, code: [error.code, ...params].join(" · ") };
  }
  if (error instanceof Unreachable) return { text: error.message, code: "" };
  return { text: error instanceof Error ? error.message : String(error), code: "" };
}

/** References say nothing to people; names do. */
function named(param: string, store?: Store): string {
  if (!param.startsWith("OpaqueRef:") || !store) return param;
  for (const name of ["VM", "host", "SR", "network", "VDI"] as const) {
    const found = store.get(name, param);
    if (found) return found.name_label;
  }
  return param;
}

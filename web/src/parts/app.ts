// What every part of a page can reach: the session, the pool, and ways to say something to the user.

import { createContext } from "preact";
import { useContext, useLayoutEffect, useState } from "preact/hooks";
import type { Session } from "../api/session.ts";
import type { ClassName, Store } from "../api/store.ts";
import { useClasses } from "../api/store.ts";
import type { Work } from "./work.ts";

export interface App {
  readonly session: Session;
  readonly store: Store;
  readonly work: Work;
}

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error("there is no session here");
  return app;
}

/** The app, rendered again whenever objects of these classes change. */
export function useLive(...names: ClassName[]): App {
  const app = useApp();
  useClasses(app.store, ...names);
  return app;
}

/** The address within the console, as the parts of `#/vm/UUID/screen`. */
export function useRoute(): string[] {
  const [hash, setHash] = useState(location.hash);
  useLayoutEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return hash.replace(/^#\/?/, "").split("/").map(decoded);
}

/** A part of an address, as it is if nobody could have written it so. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function go(to: string): void {
  location.hash = to;
}

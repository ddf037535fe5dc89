// Small parts that every page is made of.

import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { useApp } from "./app.ts";
import { Icon } from "./icons.tsx";

export interface ButtonProps {
  label: string;
  icon?: string;
  kind?: "primary" | "danger" | "plain" | "icon";
  /** Why it cannot be pressed now; undefined if it can. */
  refused?: string | undefined;
  onPress: () => void;
  pressed?: boolean;
}

export function Button({ label, icon, kind, refused, onPress, pressed }: ButtonProps) {
  // A button that is refused stays reachable by keyboard, so that the reason can be read.
  return (
    <button
      type="button"
      class={`button ${kind ?? ""}`}
      aria-disabled={refused !== undefined}
      aria-label={kind === "icon" ? label : undefined}
      aria-pressed={pressed}
      title={refused ?? (kind === "icon" ? label : undefined)}
      onClick={() => refused === undefined && onPress()}
    >
      {icon && <Icon name={icon} />}
      {kind !== "icon" && <span>{label}</span>}
    </button>
  );
}

/** A button with a menu of more. Arrow keys move in it, Escape closes it. */
export function Menu({ label, icon, entries }: { label: string; icon?: string; entries: ButtonProps[] }) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    if (!open) return;
    const outside = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    box.current?.querySelector<HTMLElement>("[role=menuitem]")?.focus();
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);
  const key = (event: KeyboardEvent) => {
    const items = [...(box.current?.querySelectorAll<HTMLElement>("[role=menuitem]") ?? [])];
    const at = items.indexOf(document.activeElement as HTMLElement);
    if (event.key === "Escape") {
      setOpen(false);
      opener.current?.focus();
    } else if (event.key === "ArrowDown") items[(at + 1) % items.length]?.focus();
    else if (event.key === "ArrowUp") items[(at - 1 + items.length) % items.length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="menu" ref={box} onKeyDown={open ? key : undefined}>
      <button
        ref={opener}
        type="button"
        class={`button ${icon ? "icon" : ""}`}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-controls={id}
        aria-label={label}
        title={label}
        onClick={() => setOpen(!open)}
      >
        {icon ? <Icon name={icon} /> : <span>{label}</span>}
      </button>
      {open && (
        <div class="entries" role="menu" id={id}>
          {entries.map((entry) => (
            <button
              key={entry.label}
              type="button"
              role="menuitem"
              class={entry.kind ?? ""}
              aria-disabled={entry.refused !== undefined}
              title={entry.refused}
              onClick={() => {
                if (entry.refused !== undefined) return;
                setOpen(false);
                entry.onPress();
              }}
            >
              {entry.icon && <Icon name={entry.icon} />}
              <span>{entry.label}</span>
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

interface DialogProps {
  title: string;
  /** What the button that does it says; without one there is only "Close". */
  confirm?: string;
  danger?: boolean;
  refused?: string | undefined;
  onConfirm?: () => void | Promise<void>;
  onClose: () => void;
  children: ComponentChildren;
}

export function Dialog({ title, confirm, danger, refused, onConfirm, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (refused !== undefined) return;
    onClose();
    void onConfirm?.();
  };
  return (
    <dialog ref={dialog} aria-labelledby={id} onCancel={onClose} onClose={onClose}>
      <form method="dialog" onSubmit={submit}>
        <h2 id={id}>{title}</h2>
        <div class="body">{children}</div>
        <div class="buttons">
          {refused !== undefined && <p class="hint">{refused}</p>}
          <button type="button" class="button" onClick={onClose}>
            {confirm ? "Cancel" : "Close"}
          </button>
          {confirm && (
            <button type="submit" class={`button ${danger ? "danger" : "primary"}`} aria-disabled={refused !== undefined}>
              {confirm}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}

export function Field({ label, hint, children }: { label: string; hint?: string; children: ComponentChildren }) {
  return (
    <label class="field">
      <span>{label}</span>
      {children}
      {hint && <small>{hint}</small>}
    </label>
  );
}

/** A bar from 0 to 1; without a value, one that says only that something is going on. */
export function Bar({ value, label, tone }: { value?: number; label: string; tone?: string }) {
  const box = useRef<HTMLSpanElement>(null);
  useLayoutEffect(() => {
    box.current?.style.setProperty("width", value === undefined ? "35%" : `${Math.min(1, Math.max(0, value)) * 100}%`);
  }, [value]);
  const level = tone ?? (value !== undefined && value > 0.9 ? "high" : value !== undefined && value > 0.75 ? "warm" : "");
  return (
    <span
      class={`bar ${level} ${value === undefined ? "endless" : ""}`}
      role={tone === "progress" ? "progressbar" : "meter"}
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={value === undefined ? undefined : Math.round(value * 100)}
    >
      <span ref={box} />
    </span>
  );
}

export function Dot({ state }: { state: string }) {
  return <span class={`dot ${state.toLowerCase()}`} aria-hidden="true" />;
}

export function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value === "" || value === undefined || value === null ? "–" : value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Card({ title, more, children }: { title: string; more?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="card">
      <header>
        <h2>{title}</h2>
        {more}
      </header>
      {children}
    </section>
  );
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>;
}

export function Head(props: { icon: string; title: string; below?: ComponentChildren; actions?: ComponentChildren }) {
  return (
    <header class="head">
      <div class="title">
        <Icon name={props.icon} size={22} />
        <div>
          <h1>{props.title}</h1>
          {props.below && <p class="below">{props.below}</p>}
        </div>
      </div>
      {props.actions && <div class="actions">{props.actions}</div>}
    </header>
  );
}

export function Tabs({ base, tabs, current }: { base: string; tabs: [string, string][]; current: string }) {
  return (
    <nav class="tabs" aria-label="Sections">
      {tabs.map(([id, label]) => (
        <a key={id} href={`#/${base}${id && `/${id}`}`} aria-current={id === current ? "page" : undefined}>
          {label}
        </a>
      ))}
    </nav>
  );
}

/** Why the user's role does not allow a message; undefined if it does. */
export function useRight(): (message: string) => string | undefined {
  const { session } = useApp();
  return (message) => (session.may(message) ? undefined : `Your role (${session.role}) does not allow ${message}.`);
}

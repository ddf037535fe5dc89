// How numbers, times and names are written for people.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** `1.5 GiB`. */
export function bytes(value: number): string {
  if (!Number.isFinite(value) || value < 0) return "–";
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${trim(value)} ${UNITS[unit]}`;
}

export const perSecond = (value: number): string => (Number.isFinite(value) ? `${bytes(value)}/s` : "–");
export const percent = (value: number): string => (Number.isFinite(value) ? `${trim(value * 100)} %` : "–");

function trim(value: number): string {
  return value >= 100 || Number.isInteger(value) ? value.toFixed(0) : value.toPrecision(value >= 10 ? 3 : 2).replace(/\.0+$/, "");
}

/** A time of the API, `20260821T15:31:00Z`; null for its "never". */
export function date(text: string): Date | null {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d:\d\d:\d\d)Z?$/.exec(text);
  if (!match || match[1] === "1970") return null;
  return new Date(`${match[1]}-${match[2]}-${match[3]}T${match[4]}Z`);
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const MINUTE = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** The time of day, with the day before it when that is not today. */
export function moment(when: Date | null): string {
  if (!when) return "–";
  const today = new Date().toDateString() === when.toDateString();
  return today ? CLOCK.format(when) : `${DAY.format(when)} ${MINUTE.format(when)}`;
}

export const full = (when: Date | null): string => (when ? FULL.format(when) : "–");

/** `3 d 4 h`: how long ago, or how long something takes. */
export function span(seconds: number): string {
  if (!(seconds >= 0)) return "–";
  const parts: [number, string][] = [
    [Math.floor(seconds / 86400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [Math.floor(seconds) % 60, "s"],
  ];
  const from = parts.findIndex(([count]) => count > 0);
  if (from < 0) return "0 s";
  return parts
    .slice(from, from + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

const NAMES = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
export const byName = (a: { name_label: string }, b: { name_label: string }): number => NAMES.compare(a.name_label, b.name_label);
export const compare = (a: string | number, b: string | number): number =>
  typeof a === "number" && typeof b === "number" ? a - b : NAMES.compare(String(a), String(b));

export const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

const SHORT = new Set(["api", "cpu", "gpu", "ha", "ip", "iso", "pbd", "pif", "rbac", "sr", "tls", "uuid", "vbd", "vdi", "vif", "vlan", "vm"]);

/** `VM_CLONE_FAILED` as words: `VM clone failed`. */
export function words(code: string): string {
  const found = code.toLowerCase().split("_").map((word) => {
    if (SHORT.has(word)) return word.toUpperCase();
    return word.endsWith("s") && word !== "has" && SHORT.has(word.slice(0, -1)) ? `${word.slice(0, -1).toUpperCase()}s` : word;
  });
  const text = found.join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// Dark, light, or as the system has it. The choice is kept in this browser.

export type Choice = "auto" | "light" | "dark";
const KEY = "xapid.theme";

export function theme(): Choice {
  const kept = localStorage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "auto";
}

export function setTheme(choice: Choice): void {
  localStorage.setItem(KEY, choice);
  document.documentElement.dataset["theme"] = choice;
}

// What can be done to a host: maintenance, power, and how it is switched on.

import { useEffect, useState } from "preact/hooks";
import type { Records } from "../records.ts";
import { type App, useApp } from "./app.ts";
import { words } from "./format.ts";
import { Button, type ButtonProps, Dialog, Field, Menu, useRight } from "./ui.tsx";

export type Host = Records["host"];

export function hostState(app: App, host: Host): "Down" | "Maintenance" | "Running" | "Evacuating" {
  if (!app.store.get("host_metrics", host.metrics)?.live) return "Down";
  if (Object.values(host.current_operations).includes("evacuate")) return "Evacuating";
  return host.enabled ? "Running" : "Maintenance";
}

/** The VMs on a host, without its control domain. */
export function guests(app: App, host: Host): string[] {
  return host.resident_VMs.filter((ref) => app.store.get("VM", ref)?.is_control_domain === false);
}

type Asking = "maintenance" | "reboot" | "shutdown" | "power-on" | null;

export function HostActions({ host, self }: { host: Host; self: string }) {
  const app = useApp();
  const { work } = app;
  const right = useRight();
  const [asking, setAsking] = useState<Asking>(null);
  const close = () => setAsking(null);
  const state = hostState(app, host);
  const here = guests(app, host).length;
  const down = state === "Down" ? "The host is down." : undefined;
  const notYet = down ?? (host.enabled ? "Put the host into maintenance first." : here ? "There are still VMs on it." : undefined);
  const leave = () => void work.run(`${host.name_label} leaves maintenance`, "host.enable", self);
  const more: ButtonProps[] = [
    { label: "Reboot…", icon: "reboot", refused: right("host.reboot") ?? notYet, onPress: () => setAsking("reboot") },
    { label: "Shut down…", icon: "stop", kind: "danger", refused: right("host.shutdown") ?? notYet, onPress: () => setAsking("shutdown") },
    { label: "Power-on mode…", refused: right("host.set_power_on_mode"), onPress: () => setAsking("power-on") },
  ];
  return (
    <>
      {state === "Down" ? (
        <Button
          label="Power on"
          icon="play"
          kind="primary"
          refused={right("host.power_on") ?? (host.power_on_mode ? undefined : "Set a power-on mode first.")}
          onPress={() => void work.run(`Power on ${host.name_label}`, "host.power_on", self)}
        />
      ) : host.enabled ? (
        <Button
          label="Enter maintenance"
          icon="wrench"
          refused={right("host.evacuate") ?? right("host.disable")}
          onPress={() => setAsking("maintenance")}
        />
      ) : (
        <>
          <Button
            label="Leave maintenance"
            icon="play"
            kind="primary"
            refused={right("host.enable") ?? (state === "Evacuating" ? "It is being emptied." : undefined)}
            onPress={leave}
          />
          {here > 0 && state !== "Evacuating" && (
            <Button label="Empty it" icon="move" refused={right("host.evacuate")} onPress={() => setAsking("maintenance")} />
          )}
        </>
      )}
      <Menu label="More actions" icon="more" entries={more} />
      {asking === "maintenance" && <MaintenanceDialog host={host} self={self} onClose={close} />}
      {asking === "power-on" && <PowerOnDialog host={host} self={self} onClose={close} />}
      {asking === "reboot" && (
        <Dialog
          title={`Reboot ${host.name_label}?`}
          confirm="Reboot"
          onConfirm={() => void work.run(`Reboot ${host.name_label}`, "host.reboot", self)}
          onClose={close}
        >
          <p>It comes back by itself.</p>
        </Dialog>
      )}
      {asking === "shutdown" && (
        <Dialog
          title={`Shut down ${host.name_label}?`}
          confirm="Shut down"
          danger
          onConfirm={() => void work.run(`Shut down ${host.name_label}`, "host.shutdown", self)}
          onClose={close}
        >
          <p>
            {host.power_on_mode
              ? `It can be switched on again from here (${host.power_on_mode}).`
              : "No power-on mode is set, so somebody has to press its button."}
          </p>
          {app.store.pool?.master === self && <p class="hint">This is the pool's coordinator: this page goes away with it.</p>}
        </Dialog>
      )}
    </>
  );
}

function MaintenanceDialog({ host, self, onClose }: { host: Host; self: string; onClose: () => void }) {
  const app = useApp();
  const { session, work } = app;
  const here = guests(app, host).length;
  const [stuck, setStuck] = useState<[string, string][] | null>(null);
  useEffect(() => {
    session
      .call<Record<string, string[]>>("host.get_vms_which_prevent_evacuation", self)
      .then((refusals) =>
        setStuck(Object.entries(refusals).map(([ref, [code]]) => [app.store.get("VM", ref)?.name_label ?? ref, words(code ?? "")])),
      )
      .catch(() => setStuck([]));
  }, [self]);
  const enter = async () => {
    // First no more VMs, then none: as two calls, because a host that cannot be emptied is left for the user to decide about.
    if (host.enabled) await work.tell(`${host.name_label} takes no more VMs`, () => session.call("host.disable", self));
    await work.run(`Empty ${host.name_label}`, "host.evacuate", self, "OpaqueRef:NULL", 0);
  };
  return (
    <Dialog title={host.enabled ? `Put ${host.name_label} into maintenance?` : `Empty ${host.name_label}?`} confirm={host.enabled ? "Enter maintenance" : "Empty it"} onConfirm={enter} onClose={onClose}>
      <p>
        {here
          ? `Its ${here} running VM${here === 1 ? "" : "s"} move${here === 1 ? "s" : ""} to other hosts, and it takes no new ones.`
          : "No VM runs on it. It takes no new ones."}
      </p>
      {stuck && stuck.length > 0 && (
        <div class="warning" role="alert">
          <p>These cannot move:</p>
          <ul>
            {stuck.map(([name, why]) => (
              <li key={name}>
                {name}: {why}
              </li>
            ))}
          </ul>
        </div>
      )}
    </Dialog>
  );
}

const MODES: [string, string][] = [
  ["", "None"],
  ["wake-on-lan", "Wake-on-LAN"],
  ["IPMI", "IPMI"],
  ["DRAC", "DRAC"],
];

function PowerOnDialog({ host, self, onClose }: { host: Host; self: string; onClose: () => void }) {
  const { session, work } = useApp();
  const [mode, setMode] = useState(host.power_on_mode);
  const [config, setConfig] = useState(
    Object.entries(host.power_on_config)
      .map(([key, value]) => `${key}=${value}`)
      .join("\n"),
  );
  const known = MODES.some(([value]) => value === mode);
  const lines = config.split("\n").filter((line) => line.trim());
  const bad = lines.find((line) => line.indexOf("=") < 1);
  const save = () => {
    const pairs = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")).trim(), line.slice(line.indexOf("=") + 1)]));
    void work.tell(`Power-on mode of ${host.name_label}`, () => session.call("host.set_power_on_mode", self, mode, pairs));
  };
  return (
    <Dialog title="Power-on mode" confirm="Save" refused={bad ? `“${bad}” is not of the form name=value.` : undefined} onConfirm={save} onClose={onClose}>
      <Field label="How the host is switched on">
        <select value={mode} onChange={(event) => setMode(event.currentTarget.value)}>
          {MODES.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
          {!known && <option value={mode}>{mode}</option>}
        </select>
      </Field>
      <Field label="Or the name of a script" hint="A power-on script of the server.">
        <input value={mode} onInput={(event) => setMode(event.currentTarget.value)} />
      </Field>
      <Field label="Configuration" hint="One name=value on a line, such as power_on_ip=192.0.2.9.">
        <textarea rows={4} value={config} onInput={(event) => setConfig(event.currentTarget.value)} spellcheck={false} />
      </Field>
    </Dialog>
  );
}

// What can be done to a VM: each action is one message of the API, offered when the VM allows it and the user's role does.

import { useState } from "preact/hooks";
import type { Records } from "../records.ts";
import { type App, go, useApp } from "./app.ts";
import { byName, bytes } from "./format.ts";
import { Button, type ButtonProps, Dialog, Field, Menu, useRight } from "./ui.tsx";
import { nothing } from "./work.ts";

export type Vm = Records["VM"];

interface Action {
  label: string;
  icon?: string;
  message: string;
  /** The operation that must be among `allowed_operations`. */
  operation: Vm["allowed_operations"][number];
  doing: string;
  params?: unknown[];
  /** What to ask first. */
  ask?: string;
  danger?: boolean;
}

const start: Action = { label: "Start", icon: "play", message: "VM.start", operation: "start", doing: "Start", params: [false, false] };
const resume: Action = { label: "Resume", icon: "play", message: "VM.resume", operation: "resume", doing: "Resume", params: [false, false] };
const unpause: Action = { label: "Continue", icon: "play", message: "VM.unpause", operation: "unpause", doing: "Continue" };
const shutdown: Action = { label: "Shut down", icon: "stop", message: "VM.clean_shutdown", operation: "clean_shutdown", doing: "Shut down" };
const reboot: Action = { label: "Reboot", icon: "reboot", message: "VM.clean_reboot", operation: "clean_reboot", doing: "Reboot" };
const suspend: Action = { label: "Suspend", icon: "pause", message: "VM.suspend", operation: "suspend", doing: "Suspend" };
const pause: Action = { label: "Pause", message: "VM.pause", operation: "pause", doing: "Pause" };
const hardShutdown: Action = {
  label: "Force shutdown",
  message: "VM.hard_shutdown",
  operation: "hard_shutdown",
  doing: "Force shutdown of",
  ask: "The VM is switched off at once, as if its power cord were pulled. What it has not written to disk is lost.",
  danger: true,
};
const hardReboot: Action = {
  label: "Force reboot",
  message: "VM.hard_reboot",
  operation: "hard_reboot",
  doing: "Force reboot of",
  ask: "The VM is reset at once. What it has not written to disk is lost.",
  danger: true,
};

/** The actions that fit a power state, the first ones as buttons. */
const FOR_STATE: Record<Vm["power_state"], [Action[], Action[]]> = {
  Halted: [[start], []],
  Running: [[shutdown, reboot, suspend], [pause, hardReboot, hardShutdown]],
  Paused: [[unpause], [hardReboot, hardShutdown]],
  Suspended: [[resume], [hardShutdown]],
};

/** The actions that are offered for several VMs at once. */
export const BULK = [start, shutdown, reboot, suspend, resume];

export function perform(app: App, action: Action, ref: string, vm: Vm): Promise<boolean> {
  return app.work.run(`${action.doing} ${vm.name_label}`, action.message, ref, ...(action.params ?? []));
}

export function allows(vm: Vm, operation: string): boolean {
  return (vm.allowed_operations as readonly string[]).includes(operation);
}

const busy = (vm: Vm): string | undefined => Object.values(vm.current_operations)[0];

type Asking = "snapshot" | "checkpoint" | "migrate" | "rename" | "delete" | Action | null;

export function VmActions({ vm, self }: { vm: Vm; self: string }) {
  const app = useApp();
  const right = useRight();
  const [asking, setAsking] = useState<Asking>(null);
  const close = () => setAsking(null);
  const why = (message: string, operation?: string): string | undefined => {
    const denied = right(message);
    if (denied) return denied;
    if (operation && !allows(vm, operation)) {
      const doing = busy(vm);
      return doing ? `Not while ${doing.replaceAll("_", " ")} is under way.` : `Not possible while the VM is ${vm.power_state.toLowerCase()}, or without tools in it.`;
    }
    return undefined;
  };
  const button = (action: Action): ButtonProps => ({
    label: action.label,
    ...(action.icon ? { icon: action.icon } : {}),
    ...(action.danger ? { kind: "danger" as const } : {}),
    refused: why(action.message, action.operation),
    onPress: () => (action.ask ? setAsking(action) : void perform(app, action, self, vm)),
  });
  const [first, rest] = FOR_STATE[vm.power_state];
  const migrates = vm.power_state === "Running" || vm.power_state === "Suspended" || vm.power_state === "Paused";
  const more: ButtonProps[] = [
    ...rest.map(button),
    { label: "Snapshot with memory", refused: why("VM.checkpoint", "checkpoint"), onPress: () => setAsking("checkpoint") },
    { label: "Rename…", refused: why("VM.set_name_label"), onPress: () => setAsking("rename") },
    {
      label: "Clone",
      refused: why("VM.clone", "clone"),
      onPress: () => void app.work.run(`Clone ${vm.name_label}`, "VM.clone", self, `${vm.name_label} (clone)`),
    },
    {
      label: "Export as XVA",
      icon: "download",
      refused: right("http/get_export") ?? why("VM.get_record", "export"),
      onPress: () => app.session.download("/export", { ref: self }),
    },
    { label: "Delete…", kind: "danger", refused: why("VM.destroy", "destroy"), onPress: () => setAsking("delete") },
  ];
  return (
    <>
      {first.map((action, n) => (
        <Button key={action.label} {...button(action)} {...(n === 0 && vm.power_state !== "Running" ? { kind: "primary" as const } : {})} />
      ))}
      <Button label="Snapshot" icon="camera" refused={why("VM.snapshot", "snapshot")} onPress={() => setAsking("snapshot")} />
      {migrates && (
        <Button label="Migrate" icon="move" refused={why("VM.pool_migrate", "pool_migrate")} onPress={() => setAsking("migrate")} />
      )}
      <Menu label="More actions" icon="more" entries={more} />
      {(asking === "snapshot" || asking === "checkpoint") && <SnapshotDialog vm={vm} self={self} message={`VM.${asking}`} onClose={close} />}
      {asking === "migrate" && <MigrateDialog vm={vm} self={self} onClose={close} />}
      {asking === "rename" && <RenameDialog vm={vm} self={self} onClose={close} />}
      {asking === "delete" && <DeleteDialog vm={vm} self={self} onClose={close} />}
      {asking !== null && typeof asking === "object" && (
        <Dialog
          title={`${asking.label}?`}
          confirm={asking.label}
          danger
          onConfirm={() => void perform(app, asking, self, vm)}
          onClose={close}
        >
          <p>{vm.name_label}</p>
          <p class="hint">{asking.ask}</p>
        </Dialog>
      )}
    </>
  );
}

interface Of {
  vm: Vm;
  self: string;
  onClose: () => void;
}

function SnapshotDialog({ vm, self, message, onClose }: Of & { message: string }) {
  const { work } = useApp();
  const [name, setName] = useState(`${vm.name_label} ${new Date().toLocaleString("sv").slice(0, 16)}`);
  return (
    <Dialog
      title={message === "VM.checkpoint" ? "Snapshot with memory" : "Take a snapshot"}
      confirm="Take it"
      refused={name.trim() ? undefined : "It needs a name."}
      onConfirm={() => void work.run(`Snapshot of ${vm.name_label}`, message, self, name.trim())}
      onClose={onClose}
    >
      <Field label="Name">
        <input value={name} onInput={(event) => setName(event.currentTarget.value)} autofocus />
      </Field>
      <p class="hint">
        {message === "VM.checkpoint" ? "Disks and memory are kept." : "The disks are kept as they are now, without memory."}
      </p>
    </Dialog>
  );
}

function MigrateDialog({ vm, self, onClose }: Of) {
  const { store, work } = useApp();
  const hosts = [...store.table("host")]
    .filter(([ref, host]) => ref !== vm.resident_on && host.enabled && store.get("host_metrics", host.metrics)?.live)
    .sort(([, a], [, b]) => byName(a, b));
  const [target, setTarget] = useState(hosts[0]?.[0] ?? "");
  const name = store.get("host", target)?.name_label ?? "";
  return (
    <Dialog
      title={`Migrate ${vm.name_label}`}
      confirm="Migrate"
      refused={target ? undefined : "There is no other host that is ready to take it."}
      onConfirm={() => void work.run(`Migrate ${vm.name_label} to ${name}`, "VM.pool_migrate", self, target, { live: "true" })}
      onClose={onClose}
    >
      <p class="hint">It keeps running while it moves. It is now on {store.get("host", vm.resident_on)?.name_label ?? "no host"}.</p>
      <fieldset class="choices">
        <legend>To</legend>
        {hosts.map(([ref, host]) => (
          <label key={ref}>
            <input type="radio" name="host" checked={ref === target} onChange={() => setTarget(ref)} />
            <span>{host.name_label}</span>
            <small>{bytes(store.get("host_metrics", host.metrics)?.memory_free ?? 0)} free</small>
          </label>
        ))}
      </fieldset>
    </Dialog>
  );
}

function RenameDialog({ vm, self, onClose }: Of) {
  const { session, work } = useApp();
  const [name, setName] = useState(vm.name_label);
  const [description, setDescription] = useState(vm.name_description);
  const save = () =>
    void work.tell(`Rename ${name}`, async () => {
      await session.call("VM.set_name_label", self, name.trim());
      if (description !== vm.name_description) await session.call("VM.set_name_description", self, description);
    });
  return (
    <Dialog title="Name and description" confirm="Save" refused={name.trim() ? undefined : "It needs a name."} onConfirm={save} onClose={onClose}>
      <Field label="Name">
        <input value={name} onInput={(event) => setName(event.currentTarget.value)} autofocus />
      </Field>
      <Field label="Description">
        <textarea rows={3} value={description} onInput={(event) => setDescription(event.currentTarget.value)} />
      </Field>
    </Dialog>
  );
}

function DeleteDialog({ vm, self, onClose }: Of) {
  const { session, work } = useApp();
  const [disks, setDisks] = useState(true);
  const destroy = async () => {
    const ok = await work.tell(`Delete ${vm.name_label}`, async () => {
      const owned: string[] = [];
      for (const ref of disks ? vm.VBDs : []) {
        const vbd = await session.call<Records["VBD"]>("VBD.get_record", ref);
        if (vbd.type === "Disk" && !nothing(vbd.VDI)) owned.push(vbd.VDI);
      }
      await session.call("VM.destroy", self);
      for (const vdi of owned) await session.call("VDI.destroy", vdi);
    });
    if (ok) go("vms");
  };
  return (
    <Dialog title={`Delete ${vm.name_label}?`} confirm="Delete" danger onConfirm={destroy} onClose={onClose}>
      <label class="check">
        <input type="checkbox" checked={disks} onChange={(event) => setDisks(event.currentTarget.checked)} />
        <span>Delete its disks too</span>
      </label>
      <p class="hint">This cannot be undone.</p>
    </Dialog>
  );
}

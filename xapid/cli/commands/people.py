"""Who may use the pool, what it tells them, and how much they ask."""

from __future__ import annotations

from xapid.cli import values
from xapid.cli.command import Run, command
from xapid.cli.failures import CommandFailed
from xapid.cli.rows import show
from xapid.datamodel.types import Ref


@command("subject-add", "subject-name")
async def subject_add(run: Run) -> None:
    """Let a user or group of the directory log in, and print the uuid of that."""
    identifier = await run.api.ask("auth.get_subject_identifier", run["subject-name"])
    known = await run.api.ask("auth.get_subject_information_from_identifier", identifier)
    record = {"subject_identifier": identifier, "other_config": known}
    show(run, Ref("subject"), await run.api.call("subject.create", record))


async def _role(run: Run) -> str:
    uuid, name = run.args.find("role-uuid"), run.args.find("role-name")
    if uuid is not None and name is not None:
        raise CommandFailed("Parameters role-uuid and role-name cannot be used together")
    if uuid is not None:
        return await run.api.ref("role", uuid)
    if name is None:
        raise CommandFailed("Required parameter not found: role-uuid or role-name")
    found = await run.api.ask("role.get_by_name_label", name)
    if not found:
        raise CommandFailed(f"No role is called '{name}'")
    return str(found[0])


@command("subject-role-add", "uuid [role-name] [role-uuid]")
async def subject_role_add(run: Run) -> None:
    """Give a user or group a role."""
    role = await _role(run)
    await run.api.call("subject.add_to_roles", await run.api.ref("subject", run["uuid"]), role)


@command("subject-role-remove", "uuid [role-name] [role-uuid]")
async def subject_role_remove(run: Run) -> None:
    """Take a role from a user or group."""
    role = await _role(run)
    await run.api.call("subject.remove_from_roles", await run.api.ref("subject", run["uuid"]), role)


@command("session-subject-identifier-list")
async def session_list(run: Run) -> None:
    """List the users of the directory who are logged in."""
    run.printer.table()
    for identifier in await run.api.ask("session.get_all_subject_identifiers"):
        run.printer.row([("subject-identifier ( RO)", identifier)])


@command("session-subject-identifier-logout-all")
async def session_logout_all(run: Run) -> None:
    """End the sessions of all users of the directory."""
    for identifier in await run.api.ask("session.get_all_subject_identifiers"):
        await run.api.call("session.logout_subject_identifier", identifier)


# Messages ----------------------------------------------------------------------------------------------------------------

_ABOUT = {"vm": "VM", "pool": "Pool", "sr": "SR", "host": "Host"}


@command("message-create", "name priority body [vm-uuid] [host-uuid] [sr-uuid] [pool-uuid]")
async def message_create(run: Run) -> None:
    """Raise an alert about an object."""
    priority = values.integer("priority", run["priority"])
    given = [(cls, value) for name, cls in _ABOUT.items() if (value := run.args.find(f"{name}-uuid")) is not None]
    if not given:
        raise CommandFailed("Need one of: vm-uuid, host-uuid, sr-uuid or pool-uuid")
    ((cls, uuid), *_) = given
    await run.api.call("message.create", run["name"], priority, cls, uuid, run["body"])


@command("message-destroy", "[uuid] [uuids]")
async def message_destroy(run: Run) -> None:
    """Take alerts back."""
    if "uuid" in run.args and "uuids" in run.args:
        raise CommandFailed("Ambiguous parameters: uuid and uuids")
    uuids = values.comma_separated(run.args.get("uuids") or run["uuid"])
    if not uuids:
        raise CommandFailed("Required parameter not found: uuid or uuids")
    refs = [await run.api.ref("message", uuid) for uuid in uuids]
    if "uuids" in run.args:
        await run.api.call("message.destroy_many", refs)
    else:
        await run.api.call("message.destroy", refs[0])


@command("message-destroy-all", "[before] [after] [priority]")
async def message_destroy_all(run: Run) -> None:
    """Take all alerts back, or those before or after a time, or of a priority."""
    filters = {name: run[name] for name in ("before", "after", "priority") if name in run.args}
    await run.api.call("message.destroy_all", filters)


# Appliances, disaster recovery -------------------------------------------------------------------------------------------


@command("appliance-shutdown", "uuid [force]")
async def appliance_shutdown(run: Run) -> None:
    """Shut the VMs of an appliance down, in the order that it says; with --force, without asking their guests."""
    message = "VM_appliance.hard_shutdown" if run.is_forced else "VM_appliance.clean_shutdown"
    await run.api.long(message, await run.api.ref("VM_appliance", run["uuid"]))


async def _elsewhere(run: Run) -> str:
    """A session to the database on a disk. Errors: UUID_INVALID."""
    uuid = run.args.map("database").get("vdi-uuid")
    if uuid is None:
        raise CommandFailed("Required parameter not found: database:vdi-uuid")
    return str(await run.api.call("VDI.open_database", await run.api.ref("VDI", uuid)))


async def _recover(run: Run, cls: str, message: str, *more: object) -> None:
    session = await _elsewhere(run)
    try:
        # The object is another pool's, and so is the session that finds it.
        ref = await run.api.ask_as(session, f"{cls}.get_by_uuid", run["uuid"])
        await run.api.ask_as(session, message, ref, run.api.session, *more)
    finally:
        await run.api.ask_as(session, "session.logout")


@command("vm-assert-can-be-recovered", "uuid [database:]")
async def vm_assert_can_be_recovered(run: Run) -> None:
    """Say whether a VM of another pool's database could run here."""
    await _recover(run, "VM", "VM.assert_can_be_recovered")


@command("vm-recover", "uuid [database:] [force]")
async def vm_recover(run: Run) -> None:
    """Make a VM of another pool's database a VM of this pool."""
    await _recover(run, "VM", "VM.recover", run.is_forced)


@command("appliance-assert-can-be-recovered", "uuid [database:]")
async def appliance_assert_can_be_recovered(run: Run) -> None:
    """Say whether an appliance of another pool's database could run here."""
    await _recover(run, "VM_appliance", "VM_appliance.assert_can_be_recovered")


@command("appliance-recover", "uuid [database:] [force]")
async def appliance_recover(run: Run) -> None:
    """Make an appliance of another pool's database one of this pool."""
    await _recover(run, "VM_appliance", "VM_appliance.recover", run.is_forced)


# Callers -----------------------------------------------------------------------------------------------------------------


@command("caller-query-usage", "[uuid] [group]")
async def caller_query_usage(run: Run) -> None:
    """Show how much a caller, or a group of them, has asked."""
    uuid, group = run.args.find("uuid"), run.args.find("group")
    if (uuid is None) == (group is None):
        raise CommandFailed("Need one of: uuid or group")
    whom, names = (
        (group, ("query_group_token_usage", "query_group_call_count"))
        if uuid is None
        else (await run.api.ref("Caller", uuid), ("query_token_usage", "query_call_count"))
    )
    tokens, calls = [await run.api.ask(f"Caller.{name}", whom) for name in names]
    run.printer.record([("token-usage", f"{tokens:.3f}"), ("call-count", str(calls))])


@command("rate-limit-create", "burst-size fill-rate [name-label] [name-description] [caller-uuids]")
async def rate_limit_create(run: Run) -> None:
    """Limit how much some callers may ask, and print the limit's uuid."""
    callers = [await run.api.ref("Caller", uuid) for uuid in values.comma_separated(run["caller-uuids"])]
    record = {
        "name_label": run["name-label"],
        "name_description": run["name-description"],
        "burst_size": values.number("burst-size", run["burst-size"]),
        "fill_rate": values.number("fill-rate", run["fill-rate"]),
    }
    made = await run.api.call("Rate_limit.create", record)
    for caller in callers:
        await run.api.call("Rate_limit.add_caller", made, caller)
    show(run, Ref("Rate_limit"), made)

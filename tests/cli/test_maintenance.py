"""Maintenance of a host on the command line."""

from __future__ import annotations


def test_enabling_a_host_ends_the_mode_in_which_graphical_clients_show_it(xe):
    uuid = xe("host-list", "--minimal").out.strip().split(",")[-1]
    assert xe("host-disable", f"uuid={uuid}").err == ""
    xe("host-param-set", f"uuid={uuid}", "other-config:MAINTENANCE_MODE=true")
    assert xe("host-enable", f"uuid={uuid}").err == ""
    shown = xe("host-param-list", f"uuid={uuid}").out
    assert "MAINTENANCE_MODE" not in shown
    assert xe("host-param-get", f"uuid={uuid}", "param-name=enabled").out == "true\n"
    assert xe("host-enable").err.startswith("Error: Multiple matching hosts found. --multiple required")


def test_features_of_processors_are_shown_for_each_kind_of_domain(xe):
    uuid = xe("host-list", "--minimal").out.strip().split(",")[0]
    info = xe.server.pool.db.table("host").by_uuid(uuid).cpu_info
    told = {
        line.split(":")[0].strip(): line.split(":")[1].strip()
        for line in xe.good("host-get-cpu-features").out.splitlines()
        if line
    }
    assert told == {name: info[name] for name in ("features_pv", "features_hvm", "features_pv_host", "features_hvm_host")}
    shared = xe.good("pool-get-cpu-features").out
    assert "features_hvm_host" in shared and "features_pv_host" in shared


def test_who_takes_a_host_away_is_told_which_disks_go_with_it(xe):
    db = xe.server.pool.db
    host = next(row for row in db.table("host").rows() if row.ref != xe.host)
    local = next(sr for sr in (db.get("SR", db.get("PBD", pbd).SR) for pbd in host.PBDs) if not sr.shared)
    with db.transaction() as tx:
        disk = tx.create("VDI", SR=local.ref, name_label="precious", type="user")
    line = f"  {db.get('VDI', disk).uuid} (precious)"
    for command in (("pool-eject", f"host-uuid={host.uuid}"), ("host-forget", f"uuid={host.uuid}")):
        said = xe(*command).out.splitlines()
        assert line in said
        assert "WARNING: No other host sees the SRs of these VDIs:" in said
        assert said[-1] == "Aborted (you typed: '')"
    with db.transaction() as tx:
        tx.destroy(disk)
    assert "No other host" not in xe("host-forget", f"uuid={host.uuid}").out


def test_who_declares_a_host_dead_is_asked_first(xe):
    uuid = xe("host-list", "--minimal").out.strip().split(",")[-1]
    assert xe("host-declare-dead", f"uuid={uuid}").out.splitlines()[-1] == "Aborted (you typed: '')"
    assert "the host is up" in xe("host-declare-dead", f"uuid={uuid}", answers=["yes"]).err
    assert "the host is up" in xe("host-declare-dead", f"uuid={uuid}", "--force").err


def test_a_database_is_replaced_by_force_alone_and_tried_without(xe):
    refused = xe("pool-restore-database", "file-name=db.xml", files={"db.xml": b"x"})
    assert (refused.status, "It must be forced (use --force)." in refused.err, refused.asked) == (1, True, [])
    for forced in ("--force", "dry-run=true"):
        ((verb, file, url),) = xe("pool-restore-database", "file-name=db.xml", forced).asked
        assert (verb, file, "/pool/xmldbdump" in url) == ("put", "db.xml", True)


def test_a_licence_is_shown_without_what_is_for_programs(xe):
    shown = xe.good("host-license-view").out
    assert "expiry" in shown and "sku_type" not in shown


def test_a_coordinator_is_made_one_by_force_alone(xe):
    def called():
        return [
            tally.calls for name, tally in xe.server.pool.services.tallies() if name == "pool.emergency_transition_to_master"
        ]

    before = called()
    said = xe.good("pool-emergency-transition-to-master").line
    assert (said, called()) == ("This host is the coordinator already. Use '--force' to go on all the same.", before)
    assert xe.good("pool-emergency-transition-to-master", "--force").line.startswith("Host agent will restart")
    assert called() != before

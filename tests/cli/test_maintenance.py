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

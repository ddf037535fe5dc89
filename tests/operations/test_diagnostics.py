from __future__ import annotations

import os
import socket

import pytest

from xapid.datamodel.types import NULL_REF, frozenmap
from xapid.operations import diagnostics


def test_the_figures_of_memory_are_those_of_this_process(world):
    figures = diagnostics.gc_stats(world.context, world.host)
    page = os.sysconf("SC_PAGE_SIZE")
    assert int(figures["resident_memory"]) > page
    assert int(figures["objects"]) > 1000


def test_a_collection_is_counted(world):
    before = int(diagnostics.gc_stats(world.context, world.host)["generation2_collections"])
    diagnostics.gc_compact(world.context, world.host)
    assert int(diagnostics.gc_stats(world.context, world.host)["generation2_collections"]) > before


def test_the_figures_of_the_database_count_its_objects(world):
    before = diagnostics.db_stats(world.context)
    assert "objects_Caller" not in before
    world.make("Caller")
    after = diagnostics.db_stats(world.context)
    assert (after["objects_Caller"], int(after["objects"])) == ("1", int(before["objects"]) + 1)
    assert int(after["generation"]) == world.db.generation


def test_connections_are_listed_by_what_is_asked_for(world):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        address = ":".join(map(str, client.getsockname()))
        ask = frozenmap({"local": address})
        (row,) = diagnostics.network_stats(world.context, world.host, ask)
        assert row == (address, ":".join(map(str, server.getsockname())), "established")
        assert diagnostics.network_stats(world.context, world.host, ask.with_item("state", "listen")) == ()
        assert diagnostics.network_stats(world.context, world.host, frozenmap({"colour": "red"})) == ()


@pytest.mark.parametrize(
    ("function", "args"),
    [(diagnostics.gc_stats, ()), (diagnostics.gc_compact, ()), (diagnostics.network_stats, (frozenmap(),))],
)
def test_a_null_reference_is_an_invalid_handle(world, function, args):
    assert world.error(function, NULL_REF, *args) == ("HANDLE_INVALID", "host", NULL_REF)

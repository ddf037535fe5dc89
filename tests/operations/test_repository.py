from __future__ import annotations

from types import SimpleNamespace

import pytest

from xapid.datamodel.types import NULL_REF
from xapid.operations import repository


def introduce(world, name="n", url="https://updates.example/base", source="", key=""):
    return repository.introduce(world.context, name, "", url, source, True, key)


def refused(world, **fields):
    return world.error(lambda context: introduce(world, **fields))


def test_a_repository_has_a_name_and_an_address_of_its_own(world):
    ref = introduce(world)
    assert world.row(ref).origin == "remote"
    assert refused(world, url="https://other.example/") == ("REPOSITORY_ALREADY_EXISTS", ref)
    assert refused(world, name="m") == ("REPOSITORY_ALREADY_EXISTS", ref)


@pytest.mark.parametrize("url", ["", "updates.example", "ftp://updates.example/", "https:///base"])
def test_a_repository_is_reached_by_http(world, url):
    assert refused(world, url=url) == ("INVALID_BASE_URL", url)


def test_a_key_is_a_plain_name(world):
    assert refused(world, key="../key") == ("INVALID_GPGKEY_PATH", "../key")
    ref = introduce(world, key="RPM-GPG-KEY")
    repository.set_gpgkey_path(world.context, ref, "")
    assert world.row(ref).gpgkey_path == ""
    assert world.error(repository.set_gpgkey_path, ref, "a/b") == ("INVALID_GPGKEY_PATH", "a/b")


def test_there_is_one_repository_of_bundles(world):
    ref = repository.introduce_bundle(world.context, "b", "")
    assert world.error(repository.introduce_bundle, "c", "") == ("BUNDLE_REPOSITORY_ALREADY_EXISTS", ref)
    assert world.error(repository.introduce_bundle, "b", "") == ("REPOSITORY_ALREADY_EXISTS", ref)


def test_another_pool_serves_as_a_repository(world):
    ref = repository.introduce_remote_pool(world.context, "p", "", "https://10.0.0.9/repository/enabled", "cert")
    assert (world.row(ref).origin, world.row(ref).certificate) == ("remote_pool", "cert")


def test_a_repository_that_the_pool_uses_stays(world):
    ref = introduce(world)
    world.set(world.pool, repositories=(ref,))
    assert world.error(repository.forget, ref) == ("REPOSITORY_IS_IN_USE",)
    world.set(world.pool, repositories=())
    forgotten = []
    context = world.context
    context.services = SimpleNamespace(offers=SimpleNamespace(forget=forgotten.append))
    uuid = world.row(ref).uuid
    repository.forget(context, ref)
    assert forgotten == [uuid]
    assert world.row(ref) is None


def test_hosts_are_not_patched_while_they_run(world):
    error = world.error(repository.apply_livepatch, world.host, "xen", "id", "4.17", "1", "4.17", "2")
    assert error == ("APPLY_LIVEPATCH_FAILED", "xen 4.17-2")


@pytest.mark.parametrize(
    ("function", "args", "cls"),
    [
        (repository.forget, (), "Repository"),
        (repository.set_gpgkey_path, ("../",), "Repository"),
        (repository.apply, (), "host"),
        (repository.apply_livepatch, ("",) * 6, "host"),
    ],
)
def test_a_null_reference_is_an_invalid_handle(world, function, args, cls):
    assert world.error(function, NULL_REF, *args) == ("HANDLE_INVALID", cls, NULL_REF)

from __future__ import annotations

import re
from uuid import UUID

import pytest

from xapid.ids import Ids


def test_a_uuid_is_a_random_version_4_uuid_in_lower_case():
    ids = Ids()
    made = [ids.uuid() for _ in range(3000)]
    assert len(set(made)) == 3000
    assert all(
        UUID(text).version == 4 and UUID(text).variant == "specified in RFC 4122" and str(UUID(text)) == text for text in made
    )


def test_a_reference_is_a_prefixed_uuid():
    assert re.fullmatch("OpaqueRef:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", Ids().ref())


def test_a_mac_address_is_unicast_and_locally_administered():
    ids = Ids(1)
    for _ in range(200):
        mac = ids.mac()
        assert re.fullmatch("[0-9a-f]{2}(:[0-9a-f]{2}){5}", mac)
        assert int(mac[:2], 16) & 3 == 2


def test_the_same_seed_gives_the_same_names():
    one, two = Ids(5), Ids(5)
    assert [one.uuid(), one.ref(), one.mac(), one.random.random()] == [two.uuid(), two.ref(), two.mac(), two.random.random()]
    assert Ids(6).uuid() != Ids(5).uuid()


def test_secrets_do_not_repeat_with_the_seed():
    assert Ids(5).secret_ref() != Ids(5).secret_ref()
    assert Ids(5).secret() != Ids(5).secret()


def test_secrets_do_not_disturb_the_names_of_objects():
    one, two = Ids(5), Ids(5)
    one.secret_ref()
    assert one.uuid() == two.uuid()


def test_secrets_repeat_only_when_asked_by_name():
    assert Ids(5, repeatable_secrets=True).secret_ref() == Ids(5, repeatable_secrets=True).secret_ref()
    with pytest.raises(ValueError, match="seed"):
        Ids(repeatable_secrets=True)


def test_a_secret_has_the_length_that_was_asked_for():
    ids = Ids()
    assert [len(ids.secret(length)) for length in (1, 32, 10_000)] == [1, 32, 10_000]


def test_names_that_go_on_from_a_generation_are_others_and_repeat():
    def names(generation):
        ids = Ids(7)
        if generation is not None:
            ids.go_on(generation)
        return ids.ref(), ids.uuid(), ids.mac()

    assert len({names(None), names(1), names(2)}) == 3
    assert names(2) == names(2)

"""Generations of processors, as hosts tell of them."""

from __future__ import annotations

import pytest

from xapid.inventory.presets import preset
from xapid.inventory.processors import PROCESSORS, cpu_info, flags, named, words
from xapid.operations.levelling import common_features


def covers(more: str, less: str) -> bool:
    return common_features([more, less]) == less


def test_the_words_are_those_of_cpuid() -> None:
    """AES is bit 25 of the second word, AVX2 bit 5 of the sixth; there are twelve words of eight digits."""
    old, new = (words(name).split("-") for name in ("nehalem", "haswell"))
    assert len(old) == len(new) == 12
    assert {len(word) for word in new} == {8}
    assert (int(old[1], 16) >> 25 & 1, int(new[1], 16) >> 25 & 1) == (0, 1)
    assert (int(old[5], 16) >> 5 & 1, int(new[5], 16) >> 5 & 1) == (0, 1)


@pytest.mark.parametrize("name", [name for name, processor in PROCESSORS.items() if processor.after])
def test_a_generation_has_what_the_one_before_had_but_for_what_it_drops(name: str) -> None:
    processor = named(name)
    assert processor.vendor == named(processor.after).vendor
    assert named(processor.after).features - processor.features == set(processor.drops.split())
    assert covers(words(name), words(processor.after)) is not bool(processor.drops)


def test_paravirtual_guests_get_less() -> None:
    for name in PROCESSORS:
        assert covers(words(name), words(name, pv=True))
        assert words(name) != words(name, pv=True)


def test_flags_and_words_tell_the_same() -> None:
    assert "avx512f" in flags("skylake").split()
    assert "avx512f" not in flags("haswell").split()
    info = cpu_info("rome", 32, 2)
    assert (info["vendor"], info["cpu_count"], info["features_hvm"]) == ("AuthenticAMD", "32", words("rome"))


def test_a_processor_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no processor pentium, only nehalem"):
        preset("standalone", processors=("haswell", "pentium"))

"""Processors that simulated hosts can have: generations of Intel and AMD, and their features as hypervisors write them.

A generation is what it adds to the one before it. Feature strings (``cpu_info:features_…``) are the 32-bit words that CPUID
answers with, in the order of Xen; they and the flags follow from one table of names.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import attrs

_WORDS: Final = (
    "fpu:0 vme:1 de:2 pse:3 tsc:4 msr:5 pae:6 mce:7 cx8:8 apic:9 sep:11 mtrr:12 pge:13 mca:14 cmov:15 pat:16 pse36:17"
    " clflush:19 mmx:23 fxsr:24 sse:25 sse2:26 ht:28",
    "pni:0 pclmulqdq:1 ssse3:9 fma:12 cx16:13 pcid:17 sse4_1:19 sse4_2:20 x2apic:21 movbe:22 popcnt:23 tsc_deadline_timer:24"
    " aes:25 xsave:26 avx:28 f16c:29 rdrand:30 hypervisor:31",
    "syscall:11 nx:20 mmxext:22 fxsr_opt:25 pdpe1gb:26 rdtscp:27 lm:29",
    "lahf_lm:0 cr8_legacy:4 abm:5 sse4a:6 misalignsse:7 3dnowprefetch:8 xop:11 fma4:16 tbm:21",
    "xsaveopt:0 xsavec:1 xgetbv1:2 xsaves:3",
    "fsgsbase:0 bmi1:3 hle:4 avx2:5 smep:7 bmi2:8 erms:9 invpcid:10 rtm:11 avx512f:16 avx512dq:17 rdseed:18 adx:19 smap:20"
    " avx512ifma:21 clflushopt:23 clwb:24 avx512cd:28 sha_ni:29 avx512bw:30 avx512vl:31",
    "avx512vbmi:1 umip:2 pku:3 avx512_vbmi2:6 gfni:8 vaes:9 vpclmulqdq:10 avx512_vnni:11 avx512_bitalg:12 avx512_vpopcntdq:14"
    " rdpid:22",
    "constant_tsc:8",
    "clzero:0 wbnoinvd:9 ibpb:12",
    "md_clear:10 serialize:14 ibrs:26 stibp:27 flush_l1d:28 arch_capabilities:29 ssbd:31",
    "avx_vnni:4 avx512_bf16:5",
    "",
)
"""For each word, its features and their bits."""

_PLACES: Final = {
    name: (number, int(bit)) for number, word in enumerate(_WORDS) for name, _, bit in (e.partition(":") for e in word.split())
}
_NOT_FOR_PV: Final = frozenset(
    {
        "vme",
        "pse",
        "pge",
        "mtrr",
        "pse36",
        "pcid",
        "x2apic",
        "tsc_deadline_timer",
        "smep",
        "smap",
        "invpcid",
        "hle",
        "rtm",
        "pku",
    }
)
"""What only guests with hardware virtualization can use."""

INTEL: Final = "GenuineIntel"
AMD: Final = "AuthenticAMD"
_BASE: Final = (
    "fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ht pni ssse3 cx16 sse4_1"
    " sse4_2 x2apic popcnt hypervisor syscall nx rdtscp lm lahf_lm constant_tsc"
)


@attrs.frozen
class Processor:
    """One model of a generation."""

    vendor: str
    modelname: str
    family: int
    model: int
    stepping: int
    mhz: float
    after: str
    """The generation that it has everything of; empty for the first of its vendor."""
    adds: str
    """What it has besides, by name."""
    drops: str = ""
    """What it no longer has."""

    @property
    def features(self) -> frozenset[str]:
        """Its features by name."""
        inherited = PROCESSORS[self.after].features if self.after else frozenset(_BASE.split())
        return (inherited | set(self.adds.split())) - set(self.drops.split())


PROCESSORS: Final[dict[str, Processor]] = {
    "nehalem": Processor(INTEL, "Intel(R) Xeon(R) CPU X5570 @ 2.93GHz", 6, 26, 5, 2933.4, "", ""),
    "westmere": Processor(
        INTEL, "Intel(R) Xeon(R) CPU X5670 @ 2.93GHz", 6, 44, 2, 2926.0, "nehalem", "pclmulqdq aes pcid pdpe1gb"
    ),
    "sandybridge": Processor(
        INTEL, "Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz", 6, 45, 7, 2600.0, "westmere", "avx xsave xsaveopt tsc_deadline_timer"
    ),
    "ivybridge": Processor(
        INTEL, "Intel(R) Xeon(R) CPU E5-2670 v2 @ 2.50GHz", 6, 62, 4, 2500.0, "sandybridge", "f16c rdrand fsgsbase smep erms"
    ),
    "haswell": Processor(
        INTEL, "Intel(R) Xeon(R) CPU E5-2680 v3 @ 2.50GHz", 6, 63, 2, 2494.2, "ivybridge",
        "fma movbe bmi1 avx2 bmi2 invpcid abm",
    ),
    "broadwell": Processor(
        INTEL, "Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", 6, 79, 1, 2400.0, "haswell", "hle rtm rdseed adx smap 3dnowprefetch"
    ),
    "skylake": Processor(
        INTEL, "Intel(R) Xeon(R) Gold 6130 CPU @ 2.10GHz", 6, 85, 4, 2095.1, "broadwell",
        "xsavec xgetbv1 xsaves clflushopt clwb avx512f avx512dq avx512cd avx512bw avx512vl pku ibpb md_clear ibrs stibp"
        " flush_l1d ssbd",
    ),
    "cascadelake": Processor(
        INTEL, "Intel(R) Xeon(R) Gold 6248 CPU @ 2.50GHz", 6, 85, 7, 2494.1, "skylake", "avx512_vnni arch_capabilities"
    ),
    "icelake": Processor(
        INTEL, "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz", 6, 106, 6, 1995.3, "cascadelake",
        "avx512ifma sha_ni avx512vbmi umip avx512_vbmi2 gfni vaes vpclmulqdq avx512_bitalg avx512_vpopcntdq rdpid wbnoinvd",
        "hle rtm",
    ),
    "sapphirerapids": Processor(
        INTEL, "Intel(R) Xeon(R) Gold 6430", 6, 143, 8, 2100.0, "icelake", "serialize avx_vnni avx512_bf16"
    ),
    "bulldozer": Processor(
        AMD, "AMD Opteron(tm) Processor 6276", 21, 1, 2, 2300.1, "",
        "pclmulqdq aes xsave avx mmxext fxsr_opt pdpe1gb cr8_legacy abm sse4a misalignsse 3dnowprefetch xop fma4",
    ),
    "piledriver": Processor(AMD, "AMD Opteron(tm) Processor 6376", 21, 2, 0, 2300.0, "bulldozer", "fma f16c bmi1 tbm"),
    "naples": Processor(
        AMD, "AMD EPYC 7351 16-Core Processor", 23, 1, 2, 2395.5, "piledriver",
        "movbe rdrand fsgsbase avx2 smep bmi2 rdseed adx smap clflushopt sha_ni xsaveopt xsavec xgetbv1 xsaves clzero ibpb",
        "xop fma4 tbm",
    ),
    "rome": Processor(
        AMD, "AMD EPYC 7302 16-Core Processor", 23, 49, 0, 2994.4, "naples", "clwb umip rdpid wbnoinvd ibrs stibp ssbd"
    ),
    "milan": Processor(
        AMD, "AMD EPYC 7313 16-Core Processor", 25, 1, 1, 2994.4, "rome", "pcid invpcid erms pku vaes vpclmulqdq"
    ),
    "genoa": Processor(
        AMD, "AMD EPYC 9354 32-Core Processor", 25, 17, 1, 3245.6, "milan",
        "avx512f avx512dq avx512ifma avx512cd avx512bw avx512vl avx512vbmi avx512_vbmi2 gfni avx512_vnni avx512_bitalg"
        " avx512_vpopcntdq avx512_bf16",
    ),
}  # fmt: skip
DEFAULT: Final = "skylake"


def named(name: str) -> Processor:
    """The processor of a generation. Raises ValueError."""
    if name not in PROCESSORS:
        raise ValueError(f"there is no processor {name}, only {', '.join(PROCESSORS)}")
    return PROCESSORS[name]


@cache
def flags(name: str) -> str:
    """The features as the operating system lists them."""
    features = named(name).features
    return " ".join(feature for feature in _PLACES if feature in features)


@cache
def words(name: str, *, pv: bool = False) -> str:
    """The features as words, in all or as far as paravirtual guests can use them."""
    found = [0] * len(_WORDS)
    for feature in named(name).features:
        number, bit = _PLACES[feature]
        if not pv or feature not in _NOT_FOR_PV:
            found[number] |= 1 << bit
    return "-".join(f"{word:08x}" for word in found)


def cpu_info(name: str, cpus: int, sockets: int) -> dict[str, str]:
    """What a host with so many logical processors of a generation says of them."""
    processor = named(name)
    hvm, pv = words(name), words(name, pv=True)
    return {
        "cpu_count": str(cpus),
        "socket_count": str(sockets),
        "threads_per_core": "2",
        "nr_nodes": str(sockets),
        "vendor": processor.vendor,
        "speed": f"{processor.mhz:.3f}",
        "modelname": processor.modelname,
        "family": str(processor.family),
        "model": str(processor.model),
        "stepping": str(processor.stepping),
        "flags": flags(name),
        "features_pv": pv,
        "features_hvm": hvm,
        "features_hvm_host": hvm,
        "features_pv_host": pv,
    }

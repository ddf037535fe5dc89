from __future__ import annotations

from types import SimpleNamespace

from xapid.operations.levelling import common_features, cpu_level, restrictions


def host(**fields):
    return SimpleNamespace(**{"cpu_info": {}, "capabilities": ("hvm-3.0-x86_64",), "license_params": {}, **fields})


def test_hosts_share_the_bits_that_all_have():
    assert common_features(["ff00ff00-0000ffff", "f0f0f0f0-ffff0000"]) == "f000f000-00000000"


def test_a_shorter_feature_set_lacks_the_rest():
    assert common_features(["ffffffff", "0000000f-0000000f"]) == "0000000f-00000000"


def test_no_host_has_no_features():
    assert common_features([]) == ""


def test_counts_add_up():
    one = {
        "vendor": "V",
        "cpu_count": "4",
        "socket_count": "1",
        "features_hvm_host": "0000000f",
        "features_pv_host": "00000003",
    }
    level = cpu_level([host(cpu_info=one), host(cpu_info={**one, "features_hvm_host": "00000001"})])
    assert (level["vendor"], level["cpu_count"], level["socket_count"]) == ("V", "8", "2")
    assert (level["features_hvm_host"], level["features_hvm"], level["features_pv"]) == ("00000001", "00000001", "00000003")


def test_one_restricted_host_restricts_the_pool():
    free, bound = {"restrict_a": "false", "sku": "x"}, {"restrict_a": "true", "restrict_b": "false"}
    hosts = [host(license_params=free), host(license_params=bound)]
    assert restrictions(hosts) == {"restrict_a": "true", "restrict_b": "false"}


def test_a_pool_has_ha_if_every_licence_grants_it():
    able, unable = {"enable_xha": "true"}, {"restrict_a": "false"}
    assert restrictions([host(license_params=able)] * 2) == {"enable_xha": "true"}
    assert restrictions([host(license_params=able), host(license_params=unable)]) == {
        "restrict_a": "false",
        "enable_xha": "false",
    }

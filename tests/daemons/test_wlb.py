"""A balancer of workloads: set up, asked for advice, followed where that is possible, and done without when it fails."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from archives_over_https import Api, request
from balancer import Balancer, element, listed
from refusals import refused
from xapid.testing.processes import Daemon, Daemons
from xapid.testing.waiting import until

pytestmark = pytest.mark.daemon


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with Daemons() as daemons:
        yield daemons.start("--hosts", "3")


@pytest.fixture
def api(daemon: Daemon) -> Iterator[Any]:
    api = Api(daemon)
    yield api
    pool = api.pool.get_all()[0]
    api.pool.set_wlb_verify_cert(pool, False)
    api.pool.set_wlb_enabled(pool, False)
    for key in ("wlb_timeout", "wlb_choose_host_disable"):
        api.pool.remove_from_other_config(pool, key)
    if api.pool.get_wlb_url(pool):
        api.pool.deconfigure_wlb()
    for vm in api.VM.get_by_name_label("v"):
        if api.VM.get_power_state(vm) != "Halted":
            api.VM.hard_shutdown(vm)
        api.VM.destroy(vm)
    for message in api.message.get_all():
        api.message.destroy(message)


@pytest.fixture
def balancer(tmp_path: Path) -> Iterator[Balancer]:
    with Balancer(tmp_path) as balancer:
        yield balancer


@pytest.fixture
def pool(api: Any) -> str:
    return str(api.pool.get_all()[0])


@pytest.fixture
def begin(api: Any, pool: str, balancer: Balancer) -> Callable[[], None]:
    def initialize() -> None:
        api.pool.initialize_wlb(balancer.url, "wlb", "s3cret", "root", "hunter2")
        api.pool.set_wlb_enabled(pool, True)
        balancer.asked.clear()

    return initialize


def halted(api: Any, name: str = "v") -> str:
    vm = api.VM.clone(api.VM.get_by_name_label("Other install media")[0], name)
    api.VM.provision(vm)
    return str(vm)


def running(api: Any, host: str) -> str:
    vm = halted(api)
    api.VM.add_to_other_config(vm, "simulator.agent", "0.05")
    api.VM.start_on(vm, host, False, False)
    until(lambda: "pool_migrate" in api.VM.get_allowed_operations(vm))
    return vm


def uuids(api: Any) -> dict[str, str]:
    """Hosts and their uuids, the coordinator first."""
    master = api.pool.get_master(api.pool.get_all()[0])
    return {ref: api.host.get_uuid(ref) for ref in sorted(api.host.get_all(), key=lambda ref: ref != master)}


def alerts(api: Any) -> list[tuple[str, str]]:
    return [(m["name"], m["cls"]) for m in api.message.get_all_records().values() if m["name"].startswith("WLB")]


def test_setting_it_up_tells_the_balancer_of_the_pool_and_keeps_the_password_as_a_secret(
    api: Any, pool: str, balancer: Balancer
) -> None:
    secrets = set(api.secret.get_all())
    api.pool.initialize_wlb(balancer.url, "wlb", "s3cret", "root", "hun<t>er2")
    address = api.host.get_address(api.pool.get_master(pool))
    assert balancer.asked == [(
        "AddXenServer",
        {"Password": "hun<t>er2", "PoolUuid": api.pool.get_uuid(pool), "UserName": "root", "XenServerUrl": f"http://{address}:80/"},
    )]  # fmt: skip
    record = api.pool.get_record(pool)
    assert (record["wlb_url"], record["wlb_username"], record["wlb_enabled"]) == (balancer.url, "wlb", False)
    (secret,) = set(api.secret.get_all()) - secrets
    assert api.secret.get_value(secret) == "s3cret"
    api.pool.initialize_wlb(balancer.url, "wlb", "s3cret", "root", "again")
    assert secret not in api.secret.get_all()
    api.pool.deconfigure_wlb()
    assert balancer.asked[-1][0] == "RemoveXenServer"
    assert set(api.secret.get_all()) == secrets
    assert api.pool.get_wlb_url(pool) == ""
    assert refused(api.pool.deconfigure_wlb) == ["WLB_NOT_INITIALIZED"]


def test_a_balancer_that_is_gone_is_forgotten_all_the_same(api: Any, pool: str, begin: Any, balancer: Balancer) -> None:
    begin()
    balancer.whole["RemoveXenServer"] = (500, "")
    api.pool.deconfigure_wlb()
    assert (api.pool.get_wlb_url(pool), api.pool.get_wlb_enabled(pool)) == ("", False)


@pytest.mark.parametrize(
    "url", ["", "balancer", "balancer:", ":8012", "a:b:1", "balancer:70000", "http://x:1", "[::1]", "u@h:1"]
)
def test_an_address_needs_a_port(api: Any, pool: str, url: str) -> None:
    assert refused(api.pool.initialize_wlb, url, "u", "p", "u", "p") == ["WLB_URL_INVALID", url]
    assert api.pool.get_wlb_url(pool) == ""


def test_what_keeps_the_balancer_from_answering_is_told_apart(api: Any, pool: str, balancer: Balancer, begin: Any) -> None:
    def initialize(url: str = balancer.url, password: str = "s3cret") -> list[str]:
        return refused(api.pool.initialize_wlb, url, "wlb", password, "root", "x")

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert initialize(f"127.0.0.1:{free.getsockname()[1]}") == ["WLB_CONNECTION_REFUSED"]
    assert initialize("no-such-name.invalid:8012") == ["WLB_UNKNOWN_HOST"]
    assert initialize(password="wrong") == ["WLB_AUTHENTICATION_FAILED"]
    with socket.create_server(("127.0.0.1", 0)) as mute:
        import threading

        def hang_up() -> None:
            connection, _ = mute.accept()
            connection.recv(1)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        assert initialize(f"127.0.0.1:{mute.getsockname()[1]}") == ["WLB_CONNECTION_RESET"]
        thread.join()
    api.pool.add_to_other_config(pool, "wlb_timeout", "0.5")
    balancer.delay = 1.0
    assert initialize() == ["WLB_TIMEOUT", "0.5"]
    balancer.delay = 0.0
    api.pool.set_wlb_verify_cert(pool, True)
    assert initialize()[0] == "SSL_VERIFY_ERROR"
    api.pool.install_ca_certificate("balancer.pem", balancer.certificate)
    try:
        api.pool.initialize_wlb(balancer.url, "wlb", "s3cret", "root", "x")
    finally:
        api.pool.uninstall_ca_certificate("balancer.pem")


@pytest.mark.parametrize(
    ("whole", "error"),
    [
        ((403, ""), ["WLB_AUTHENTICATION_FAILED"]),
        ((400, ""), ["WLB_MALFORMED_REQUEST"]),
        ((500, ""), ["WLB_INTERNAL_ERROR", "500"]),
        ((200, "not XML"), ["WLB_MALFORMED_RESPONSE", "GetXenPoolConfiguration"]),
        ((200, "<a/>"), ["WLB_MALFORMED_RESPONSE", "GetXenPoolConfiguration", "GetXenPoolConfigurationResult is missing"]),
        ((200, "<e><Body><Fault><Reason><Text>no</Text></Reason></Fault></Body></e>"), ["WLB_INTERNAL_ERROR", "Exception:"]),
        ((200, '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'), ["WLB_MALFORMED_RESPONSE"]),
    ],
)  # fmt: skip
def test_answers_that_are_none_are_told_of(
    api: Any, begin: Any, balancer: Balancer, whole: tuple[int, str], error: list[str]
) -> None:
    begin()
    balancer.whole["GetXenPoolConfiguration"] = whole
    assert refused(api.pool.retrieve_wlb_configuration)[: len(error)] == error


def test_what_the_balancer_complains_about_is_passed_on(api: Any, begin: Any, balancer: Balancer) -> None:
    begin()
    balancer.results["SetXenPoolConfiguration"] = element("ErrorMessage", "InvalidParameter") + element("ResultCode", "4007")
    assert refused(api.pool.send_wlb_configuration, {"a": "b"}) == ["WLB_INTERNAL_ERROR", "4007", "InvalidParameter"]


def test_its_settings_are_read_and_written(api: Any, pool: str, begin: Any, balancer: Balancer) -> None:
    begin()
    api.pool.send_wlb_configuration({"OptimizationMode": "0", "a&b": "<c>"})
    method, parameters = balancer.asked[-1]
    assert (method, parameters["OptimizationParms"]) == ("SetXenPoolConfiguration", {"OptimizationMode": "0", "a&b": "<c>"})
    pairs = "".join(
        f"<KeyValueOfstringstring>{element('Key', k)}{element('Value', v)}</KeyValueOfstringstring>"
        for k, v in {"HostCpuThresholdCritical": "90", "x": "1 & 2"}.items()
    )
    balancer.results["GetXenPoolConfiguration"] = f"<OptimizationParms>{pairs}</OptimizationParms>"
    assert api.pool.retrieve_wlb_configuration() == {"HostCpuThresholdCritical": "90", "x": "1 & 2"}


def test_advice_is_only_asked_for_when_it_is_on(api: Any, pool: str, balancer: Balancer) -> None:
    vm, host = halted(api), api.pool.get_master(pool)
    asking: list[tuple[Any, ...]] = [
        (api.pool.retrieve_wlb_recommendations,), (api.VM.retrieve_wlb_recommendations, vm),
        (api.host.retrieve_wlb_evacuate_recommendations, host),
    ]  # fmt: skip
    assert [refused(*call) for call in asking] == [["WLB_NOT_INITIALIZED"]] * 3
    api.pool.initialize_wlb(balancer.url, "wlb", "s3cret", "root", "x")
    assert [refused(*call) for call in asking] == [["WLB_DISABLED"]] * 3


def test_advice_for_the_pool_names_moves_and_hosts_to_switch_off(api: Any, begin: Any, balancer: Balancer) -> None:
    begin()
    first, second, third = uuids(api)
    vm = running(api, second)
    balancer.results["GetOptimizationRecommendations"] = element("OptimizationId", "7") + listed(
        "PoolOptimizationRecommendation",
        {"VmToMoveUuid": api.VM.get_uuid(vm), "MoveToHostUuid": api.host.get_uuid(first), "Reason": "Cpu",
         "RecommendationId": "11"},
        {"MoveFromHostUuid": api.host.get_uuid(third), "Reason": "PowerOff", "RecommendationId": "12"},
    )  # fmt: skip
    assert api.pool.retrieve_wlb_recommendations() == {
        vm: ["WLB", api.host.get_uuid(first), "7", "11", "Cpu"],
        api.host.get_control_domain(third): ["WLB", api.host.get_uuid(third), "7", "12", "PowerOff"],
    }
    balancer.results["GetOptimizationRecommendations"] = ""
    assert api.pool.retrieve_wlb_recommendations() == {}
    balancer.results["GetOptimizationRecommendations"] = element("OptimizationId", "7") + listed(
        "PoolOptimizationRecommendation",
        {"VmToMoveUuid": "nosuch", "MoveToHostUuid": "x", "Reason": "", "RecommendationId": "1"},
    )
    assert refused(api.pool.retrieve_wlb_recommendations)[0] == "WLB_MALFORMED_RESPONSE"


def ratings(stars: dict[str, str]) -> str:
    """A rating for each host, by uuid: stars, or why it has none."""
    return listed(
        "VmPlacementRecommendation",
        *(
            {"HostUuid": uuid, "RecommendationId": str(number)}
            | ({"Stars": rating} if rating[0].isdigit() else {"ZeroScoreReason": rating})
            for number, (uuid, rating) in enumerate(stars.items(), 1)
        ),
    )


def test_hosts_are_rated_for_a_vm_and_those_where_it_cannot_start_say_why(
    api: Any, pool: str, begin: Any, balancer: Balancer
) -> None:
    begin()
    vm, (first, second, third) = halted(api), (hosts := uuids(api))
    balancer.results["VMGetRecommendations"] = ratings(
        {hosts[first]: "4.5", hosts[second]: "NotEnoughMemory", hosts[third]: "3.0"}
    )
    api.host.disable(third)
    try:
        assert api.VM.retrieve_wlb_recommendations(vm) == {
            first: ["WLB", "4.5", "1"], second: ["WLB", "0.0", "2", "NotEnoughMemory"], third: ["HOST_DISABLED", third],
        }  # fmt: skip
    finally:
        api.host.enable(third)
    assert balancer.asked[-1][1] == {"PoolUuid": api.pool.get_uuid(pool), "VmUuid": api.VM.get_uuid(vm)}
    balancer.results["VMGetRecommendations"] = ratings({hosts[first]: "4.5"})
    assert refused(api.VM.retrieve_wlb_recommendations, vm)[0] == "WLB_MALFORMED_RESPONSE"


def test_a_vm_starts_where_the_balancer_likes_it_best(api: Any, pool: str, begin: Any, balancer: Balancer) -> None:
    """Among the hosts that can take it; the pool may keep its own counsel."""
    begin()
    first, second, third = hosts = uuids(api)
    balancer.results["VMGetRecommendations"] = ratings({hosts[first]: "1.5", hosts[second]: "5.0", hosts[third]: "3.0"})
    vm = halted(api)
    api.VM.start(vm, False, False)
    assert api.VM.get_resident_on(vm) == second
    api.host.disable(second)
    try:
        api.VM.hard_shutdown(vm)
        api.VM.start(vm, False, False)
        assert api.VM.get_resident_on(vm) == third
    finally:
        api.host.enable(second)
    api.pool.add_to_other_config(pool, "wlb_choose_host_disable", "true")
    api.VM.hard_shutdown(vm)
    asked = len(balancer.asked)
    api.VM.start(vm, False, False)
    assert (len(balancer.asked), alerts(api)) == (asked, [])


def test_a_vm_starts_without_advice_too_and_an_alert_says_so(api: Any, begin: Any, balancer: Balancer) -> None:
    begin()
    balancer.whole["VMGetRecommendations"] = (500, "")
    vm = halted(api)
    api.VM.start(vm, False, False)
    assert api.VM.get_power_state(vm) == "Running"
    assert alerts(api) == [("WLB_CONSULTATION_FAILED", "VM")]


def test_an_evacuation_goes_where_the_balancer_says_if_that_is_possible(
    api: Any, pool: str, begin: Any, balancer: Balancer
) -> None:
    begin()
    first, second, third = hosts = uuids(api)
    vms = [running(api, second) for _ in range(2)]
    stuck = running(api, second)
    balancer.results["HostGetRecommendations"] = element("CanPlaceAllVMs", "true") + listed(
        "HostEvacuationRecommendation",
        *({"VmUuid": api.VM.get_uuid(vm), "HostUuid": hosts[third], "RecommendationId": str(n)} for n, vm in enumerate(vms)),
    )
    api.VM.add_to_blocked_operations(stuck, "pool_migrate", "no")
    assert api.host.retrieve_wlb_evacuate_recommendations(second) == {
        **{vm: ["WLB", hosts[third], str(n)] for n, vm in enumerate(vms)}, stuck: ["OPERATION_BLOCKED", stuck, "no"],
    }  # fmt: skip
    assert api.host.get_vms_which_prevent_evacuation(second) == {stuck: ["OPERATION_BLOCKED", stuck, "no"]}
    api.VM.hard_shutdown(stuck)
    api.host.evacuate(second)
    assert [api.VM.get_resident_on(vm) for vm in vms] == [third, third]
    assert {parameters["HostUuid"] for method, parameters in balancer.asked if method == "HostGetRecommendations"} == {
        hosts[second]
    }
    api.host.disable(first)  # so that nobody but the coordinator could follow the advice
    try:
        balancer.results["HostGetRecommendations"] = listed(
            "HostEvacuationRecommendation",
            {"VmUuid": api.VM.get_uuid(vms[0]), "HostUuid": hosts[first], "RecommendationId": "1"},
        )
        api.host.evacuate(third)
        assert [api.VM.get_resident_on(vm) for vm in vms] == [second, second]
    finally:
        api.host.enable(first)


def test_an_evacuation_goes_on_without_advice_and_an_alert_says_so(api: Any, begin: Any, balancer: Balancer) -> None:
    begin()
    _, second, _ = uuids(api)
    vm = running(api, second)
    balancer.whole["HostGetRecommendations"] = (200, "rubbish")
    api.host.evacuate(second)
    assert api.VM.get_resident_on(vm) != second
    assert alerts(api) == [("WLB_CONSULTATION_FAILED", "Host")]


def test_a_connection_can_be_tested(api: Any, balancer: Balancer) -> None:
    host, _, port = balancer.url.partition(":")
    assert api.pool.send_test_post(host, port, "hällo") == "you said hällo"
    assert refused(api.pool.send_test_post, host, "0", "x") == ["INVALID_VALUE", "port", "0"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        error = refused(api.pool.send_test_post, "127.0.0.1", str(free.getsockname()[1]), "x")
    assert error == ["INTERNAL_ERROR", "the request was not answered: refused"]


def got(daemon: Daemon, api: Any, path: str, **query: str) -> tuple[int, bytes]:
    status, _, body = request(daemon, "GET", f"{path}?{urlencode({'session_id': api.session_id, **query})}")
    return status, body


def test_reports_are_handed_on_as_they_are(daemon: Daemon, api: Any, balancer: Balancer, begin: Callable[[], None]) -> None:
    begin()
    report = '<NewDataSet>\n <Table1 a=\'"&amp;">é</Table1></NewDataSet>'
    balancer.results["ExecuteReport"] = element("XmlDataSet", report)
    balancer.results["GetDiagnostics"] = element("DiagnosticData", "all is well")
    assert got(daemon, api, "/wlb_report", report="pool_health", Start="-7", LocaleCode="en") == (200, report.encode())
    assert balancer.asked == [
        ("ExecuteReport", {"ReportName": "pool_health", "ReportParms": {"Start": "-7", "LocaleCode": "en"}})
    ]
    assert got(daemon, api, "/wlb_diagnostics") == (200, b"all is well")


def test_a_report_that_cannot_be_had_fails_its_task(
    daemon: Daemon, api: Any, balancer: Balancer, begin: Callable[[], None]
) -> None:
    task = api.task.create("report", "")
    assert got(daemon, api, "/wlb_report", report="r", task_id=task)[0] == 500
    assert api.task.get_error_info(task) == ["WLB_NOT_INITIALIZED"]
    assert got(daemon, api, "/wlb_report")[0] == 500
    begin()
    balancer.results["ExecuteReport"] = element("ResultCode", "4007") + element("ErrorMessage", "no such report")
    task = api.task.create("report", "")
    assert got(daemon, api, "/wlb_report", report="r", task_id=task)[0] == 500
    assert api.task.get_error_info(task) == ["WLB_INTERNAL_ERROR", "4007", "no such report"]

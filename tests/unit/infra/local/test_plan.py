"""The plan names every process, its ports and what it must wait for."""

from importlib.util import find_spec
from pathlib import Path

from infra.local.plan import GATEWAY, REPLICA_LIMIT, SERVICES, WORKSHOP, plan_deployment, replica_of
from infra.local.profile import ADAPTERS, Profile


def _plan(**changes: object):  # type: ignore[no-untyped-def]
    arguments = {"bind": "127.0.0.1", "http_port": 8080, "demo": False, "environment": {}} | changes
    arguments["choose_ports"] = lambda count, _: tuple(range(20_000, 20_000 + count))
    return plan_deployment(Path("/data"), **arguments)  # type: ignore[arg-type]


def test_the_gateway_starts_after_every_service() -> None:
    gateway = _plan().processes[-1]
    assert gateway.name == "gateway"
    assert gateway.after == SERVICES


def test_no_two_processes_share_a_port() -> None:
    processes = _plan().processes
    ports = [each.port for each in processes] + [each.metrics_port for each in processes]
    assert len(set(ports)) == len(ports)


def test_every_process_knows_where_every_service_answers() -> None:
    plan = _plan()
    ports = {each.name: each.port for each in plan.processes}
    for process in plan.processes:
        for service in SERVICES:
            assert process.environment[f"ZHIKE_{service.upper()}_ADDRESS"] == f"127.0.0.1:{ports[service]}"


def test_the_demo_says_yes_to_consent_unless_the_operator_said_otherwise() -> None:
    asked = _plan(demo=True, environment={"ZHIKE_DEFAULT_CONSENT": "denied"})
    assert asked.processes[0].environment["ZHIKE_DEFAULT_CONSENT"] == "denied"
    assert _plan(demo=True).processes[0].environment["ZHIKE_DEFAULT_CONSENT"] == "granted"
    assert "ZHIKE_DEFAULT_CONSENT" not in _plan().processes[0].environment


def test_a_deployment_that_listens_everywhere_is_reached_at_loopback() -> None:
    assert _plan(bind="0.0.0.0").url == "http://127.0.0.1:8080"


def test_a_deployment_on_one_address_is_reached_there() -> None:
    plan = _plan(bind="127.0.0.2")
    assert (plan.host, plan.url) == ("127.0.0.2", "http://127.0.0.2:8080")
    assert plan.processes[0].environment["ZHIKE_SEARCH_ADDRESS"].startswith("127.0.0.2:")


def test_every_process_is_told_its_place_by_machine_and_directory_unless_the_operator_named_it() -> None:
    places = {each.environment["ZHIKE_REPLICA"] for each in _plan().processes}
    assert len(places) == 1 and places != {""}
    named = _plan(environment={"ZHIKE_REPLICA": "zhike-0"})
    assert {each.environment["ZHIKE_REPLICA"] for each in named.processes} == {"zhike-0"}
    assert len(replica_of(Path("d" * 300))) == REPLICA_LIMIT


def test_the_demo_works_by_the_calendar_of_its_country_unless_the_operator_said_otherwise() -> None:
    assert _plan(demo=True).processes[0].environment["ZHIKE_SHOP_CALENDAR"] == "US+weekends"
    asked = _plan(demo=True, environment={"ZHIKE_SHOP_CALENDAR": "CN"})
    assert asked.processes[0].environment["ZHIKE_SHOP_CALENDAR"] == "CN"
    assert "ZHIKE_SHOP_CALENDAR" not in _plan().processes[0].environment


def test_the_demo_has_a_workshop_that_starts_last_and_nobody_asks() -> None:
    workshop = _plan(demo=True).processes[-1]
    assert (workshop.name, workshop.after, workshop.health) == (WORKSHOP, (GATEWAY,), "")
    assert "http://127.0.0.1:8080" in workshop.command
    assert WORKSHOP not in {each.name for each in _plan().processes}


def test_the_demo_lets_webhooks_go_to_one_port_of_its_own_beside_the_operators() -> None:
    plan = _plan(demo=True, environment={"ZHIKE_WEBHOOK_ALLOWED_HOSTS": "hooks.internal:8443"})
    settings = [each.environment["ZHIKE_WEBHOOK_ALLOWED_HOSTS"] for each in plan.processes]
    assert set(settings) == {f"hooks.internal:8443,{plan.receiver}"}
    taken = {each.port for each in plan.processes} | {each.metrics_port for each in plan.processes}
    assert int(plan.receiver.rpartition(":")[2]) not in taken
    assert _plan().receiver == ""
    assert "ZHIKE_WEBHOOK_ALLOWED_HOSTS" not in _plan().processes[0].environment


def test_the_plan_names_what_its_processes_import() -> None:
    own = [*(f"services.{name}.main" for name in SERVICES), "gateway.main", "infra.demo.workshop"]
    assert _plan(demo=True).modules == (*own, *ADAPTERS[Profile.EMBEDDED])
    assert _plan(profile=Profile.DISTRIBUTED).modules == (*own[:-1], *ADAPTERS[Profile.DISTRIBUTED])
    assert all(find_spec(module) for profile in Profile for module in ADAPTERS[profile])

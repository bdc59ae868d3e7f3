"""compose.yaml: settings and commands that exist, bounds on everything, nothing published by chance."""

import importlib.util
import re
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from gateway.settings import GatewaySettings
from services.chassis.settings import ChassisSettings, load_settings, variable
from services.knowledge.settings import KnowledgeSettings
from services.orders.settings import OrdersSettings
from services.recommendation.settings import RecommendationSettings
from services.reputation.settings import ReputationSettings
from services.search.settings import SearchSettings
from tests.architecture.source_tree import ROOT
from tests.fakes.tools import tool

FILE = ROOT / "infra" / "compose.yaml"
GIVEN = {"ZHIKE_RAY_TOKEN": "t" * 32}
SETTINGS: dict[str, type[ChassisSettings]] = {
    "knowledge": KnowledgeSettings,
    "search": SearchSettings,
    "recommendation": RecommendationSettings,
    "orders": OrdersSettings,
    "reputation": ReputationSettings,
    "gateway": GatewaySettings,
}
WRITABLE_ROOT = {"elasticsearch"}  # writes its keystore beside its configuration
ENDS = {"mongodb-init"}
NO_SHELL = {"traces"}  # an image with nothing to ask with
_VARIABLE = re.compile(r"\$\{(\w+)(?::?(-|\?)([^}]*))?\}")


def interpolated(value: Any, given: Mapping[str, str] = GIVEN) -> Any:
    """Return a value as compose reads it where the environment holds ``given``."""
    if isinstance(value, dict):
        return {name: interpolated(each, given) for name, each in value.items()}
    if isinstance(value, list):
        return [interpolated(each, given) for each in value]
    if not isinstance(value, str):
        return value

    def replaced(match: re.Match[str]) -> str:
        name, sign, rest = match.groups()
        if given.get(name):
            return given[name]
        assert sign == "-", f"{name} must be given: {rest}"
        return str(rest)

    return _VARIABLE.sub(replaced, value)


RAW: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
COMPOSE: dict[str, Any] = interpolated(RAW)
CONTAINERS: dict[str, Any] = COMPOSE["services"]


def test_it_is_what_compose_reads() -> None:
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(FILE)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_part_of_the_platform_stands_in_it() -> None:
    parts = {"elasticsearch", "ray-head", "ray-worker", "mongodb-1", "mongodb-2", "mongodb-3", "mongodb-init"}
    assert parts | set(SETTINGS) | {"prometheus", "grafana", "traces"} == set(CONTAINERS)


@pytest.mark.parametrize("name", SETTINGS)
def test_each_process_understands_every_setting_that_it_is_given(name: str) -> None:
    settings, given = SETTINGS[name], CONTAINERS[name]["environment"]
    known = {variable(field, service) for field in settings.model_fields for service in ("", name)}
    assert not [each for each in given if each.startswith("ZHIKE_") and each not in known]
    loaded = load_settings(settings, name, {key: str(value) for key, value in given.items()})
    assert not loaded.embedded
    assert loaded.bind == "0.0.0.0"
    assert loaded.traces_endpoint == ""
    for other in SETTINGS.keys() - {"gateway"}:
        assert loaded.address_of(other) == f"{other}:{CONTAINERS[other]['environment']['ZHIKE_PORT']}"


@pytest.mark.parametrize("name", SETTINGS)
def test_each_process_is_a_module_that_can_be_imported(name: str) -> None:
    (module,) = CONTAINERS[name]["command"]
    assert module == ("gateway.main" if name == "gateway" else f"services.{name}.main")
    assert importlib.util.find_spec(module) is not None


def test_every_command_of_ray_is_one() -> None:
    import ray.scripts.scripts as ray_command

    for name in ("ray-head", "ray-worker"):
        container = CONTAINERS[name]
        assert container["entrypoint"] == ["ray"]
        for first, *rest in (container["command"], container["healthcheck"]["test"][2:]):
            known = {flag for parameter in ray_command.cli.commands[first].params for flag in parameter.opts}
            assert {each.partition("=")[0] for each in rest} <= known, rest


def test_who_waits_for_somebody_waits_until_he_can_answer() -> None:
    for name, container in CONTAINERS.items():
        for other, how in container.get("depends_on", {}).items():
            assert other in CONTAINERS, f"{name} waits for {other}"
            if how["condition"] == "service_healthy":
                assert "test" in CONTAINERS[other]["healthcheck"], f"{name} waits for {other}, which says nothing"
            else:
                assert (how["condition"], other in ENDS) == ("service_completed_successfully", True)
    assert set(CONTAINERS["gateway"]["depends_on"]) >= SETTINGS.keys() - {"gateway"}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_is_bounded_and_can_do_little(name: str) -> None:
    container = CONTAINERS[name]
    limits = container["deploy"]["resources"]["limits"]
    assert {"cpus", "memory", "pids"} <= limits.keys()
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["logging"]["options"]["max-size"]
    assert container.get("read_only", False) is (name not in WRITABLE_ROOT)
    assert name in WRITABLE_ROOT or not str(container["user"]).startswith("0")
    assert "privileged" not in container
    assert name in ENDS | NO_SHELL or container["healthcheck"]["test"]


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_image_is_pinned(name: str) -> None:
    tag = CONTAINERS[name]["image"].rpartition(":")[2]
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag), tag


def test_nothing_is_published_beyond_this_machine_unless_asked_for() -> None:
    published = {port for container in CONTAINERS.values() for port in container.get("ports", ())}
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert not [
        name for name in CONTAINERS if "ports" in CONTAINERS[name] and "edge" not in CONTAINERS[name]["networks"]
    ]


def test_stores_and_ray_are_reached_by_those_alone_who_use_them() -> None:
    members = {
        network: {name for name, container in CONTAINERS.items() if network in container["networks"]}
        for network in COMPOSE["networks"]
    }
    assert COMPOSE["networks"]["stores"]["internal"] and COMPOSE["networks"]["ray"]["internal"]
    assert members["ray"] == {"ray-head", "ray-worker", "recommendation"}
    assert not members["stores"] & {"prometheus", "grafana", "traces", "ray-head", "ray-worker"}


def test_ray_refuses_who_does_not_know_the_token_and_there_is_no_default_for_it() -> None:
    for name in ("ray-head", "ray-worker", "recommendation"):
        environment = CONTAINERS[name]["environment"]
        assert environment["RAY_AUTH_MODE"] == "token"
        assert environment["RAY_AUTH_TOKEN"] == GIVEN["ZHIKE_RAY_TOKEN"]
    with pytest.raises(AssertionError, match="ZHIKE_RAY_TOKEN"):
        interpolated(RAW["services"]["ray-head"], {})


def test_every_volume_and_mounted_file_exists() -> None:
    used = set()
    for container in CONTAINERS.values():
        for volume in container.get("volumes", ()):
            source, _, target = volume.partition(":")
            if source.startswith("."):
                assert (FILE.parent / source).exists(), volume
                assert target.endswith(":ro")
            elif target:
                used.add(source)
    assert used == set(COMPOSE["volumes"])


def test_the_members_of_the_replica_set_are_the_same_everywhere() -> None:
    script = (FILE.parent / "docker" / "replica-set.js").read_text(encoding="utf-8")
    members = {name for name in CONTAINERS if re.fullmatch(r"mongodb-\d", name)}
    assert set(re.findall(r'"(mongodb-\d)"', script)) == members
    address = CONTAINERS["knowledge"]["environment"]["ZHIKE_DOCUMENTS"]
    assert set(re.findall(r"mongodb-\d", address)) == members
    assert "replicaSet=zhike" in address and '_id: "zhike"' in script
    assert CONTAINERS["mongodb-1"]["command"][2] == "zhike"


def test_prometheus_scrapes_every_process_where_it_shows_its_metrics() -> None:
    config = yaml.safe_load((FILE.parent / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    (scraped,) = [job for job in config["scrape_configs"] if job["job_name"] == "zhike"]
    (found,) = scraped["dns_sd_configs"]
    assert set(found["names"]) == set(SETTINGS)
    ports = {CONTAINERS[name]["environment"]["ZHIKE_METRICS_PORT"] for name in SETTINGS}
    assert ports == {str(found["port"])}
    assert all(set(CONTAINERS[name]["networks"]) & set(CONTAINERS["prometheus"]["networks"]) for name in SETTINGS)

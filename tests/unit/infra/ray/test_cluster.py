"""The manifest of a Ray cluster: the versions and the image of the platform, bounds, and no way in without a token."""

import tomllib
from typing import Any

import pytest
import yaml

from services.recommendation.settings import RecommendationSettings
from tests.architecture.source_tree import ROOT

FILE = ROOT / "infra" / "ray" / "cluster.yaml"
TEXT = FILE.read_text(encoding="utf-8")
CLUSTER, POLICY = yaml.safe_load_all(TEXT)
COMPOSE = yaml.safe_load((ROOT / "infra" / "compose.yaml").read_text(encoding="utf-8"))
HEAD, WORKERS = CLUSTER["spec"]["headGroupSpec"], CLUSTER["spec"]["workerGroupSpecs"][0]
PODS = {"head": HEAD["template"], "worker": WORKERS["template"]}


def container(name: str) -> dict[str, Any]:
    (only,) = PODS[name]["spec"]["containers"]
    return only


def test_it_is_a_cluster_of_the_ray_that_the_platform_depends_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (pin,) = [each for each in project["dependencies"] if each.startswith("ray==")]
    assert (CLUSTER["apiVersion"], CLUSTER["kind"]) == ("ray.io/v1", "RayCluster")
    assert f"ray=={CLUSTER['spec']['rayVersion']}" == pin


@pytest.mark.parametrize("name", PODS)
def test_its_nodes_run_the_platforms_image_as_compose_does(name: str) -> None:
    assert container(name)["image"] == COMPOSE["services"]["ray-head"]["image"]


@pytest.mark.parametrize("name", PODS)
def test_its_nodes_are_bounded_and_can_do_little(name: str) -> None:
    only, pod = container(name), PODS[name]["spec"]
    assert {"cpu", "memory"} <= only["resources"]["limits"].keys() & only["resources"]["requests"].keys()
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 10001
    assert not pod["automountServiceAccountToken"]
    assert {mount["name"] for mount in only["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert {mount["mountPath"] for mount in only["volumeMounts"]} == {"/tmp", "/dev/shm"}


@pytest.mark.parametrize("name", PODS)
def test_a_node_is_probed_at_a_port_that_it_listens_on(name: str) -> None:
    parameters = (HEAD if name == "head" else WORKERS)["rayStartParams"]
    listening = {"6379"} if name == "head" else set()
    listening |= {value for key, value in parameters.items() if key.endswith("-port")}
    for probe in ("readinessProbe", "livenessProbe"):
        assert str(container(name)[probe]["tcpSocket"]["port"]) in listening


@pytest.mark.parametrize("parameters", [HEAD["rayStartParams"], WORKERS["rayStartParams"]])
def test_every_parameter_is_one_of_ray_start(parameters: dict[str, str]) -> None:
    import ray.scripts.scripts as ray_command

    known = {flag for parameter in ray_command.cli.commands["start"].params for flag in parameter.opts}
    assert not [name for name in parameters if f"--{name}" not in known]
    assert all(isinstance(value, str) for value in parameters.values()), "the operator takes texts alone"


def test_a_worker_has_at_least_one_replica_and_a_bound() -> None:
    assert 1 <= WORKERS["minReplicas"] <= WORKERS["replicas"] <= WORKERS["maxReplicas"]


def test_nobody_runs_code_there_without_the_token_and_a_marked_pod() -> None:
    assert CLUSTER["spec"]["authOptions"] == {"mode": "token"}
    selector = POLICY["spec"]["podSelector"]["matchLabels"]
    assert all(selector.items() <= pod["metadata"]["labels"].items() for pod in PODS.values())
    nodes, clients = POLICY["spec"]["ingress"]
    assert nodes["from"] == [{"podSelector": {"matchLabels": selector}}]
    assert [str(port["port"]) for port in clients["ports"]] == [HEAD["rayStartParams"]["ray-client-server-port"]]
    ((label, value),) = clients["from"][0]["podSelector"]["matchLabels"].items()
    assert f'{label}: "{value}"' in TEXT.split("apiVersion")[0], "the head of the file says which label"


def test_the_address_that_it_names_is_one_that_recommendation_takes() -> None:
    (address,) = {word.partition("=")[2] for word in TEXT.split() if word.startswith("ZHIKE_RAY_ADDRESS=")}
    assert address.removeprefix("ray://").startswith(f"{CLUSTER['metadata']['name']}-head-svc:")
    assert address.endswith(HEAD["rayStartParams"]["ray-client-server-port"])
    assert RecommendationSettings(ray_address=address).ray_address == address

"""Every query of a dashboard, an alert and a recording rule names metrics and labels that the processes emit."""

import ast
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from infra.grafana.build import DASHBOARDS, FOLDER, texts
from infra.grafana.panels import WIDTH
from infra.reference import declared_metrics, product_modules
from services.chassis.metrics import MetricKind
from tests.architecture.promql import PromqlError, asked_by
from tests.architecture.source_tree import ROOT, product_files, tree_of
from tests.fakes.tools import tool

PROMETHEUS = ROOT / "infra" / "prometheus"
RULES = yaml.safe_load((PROMETHEUS / "rules" / "zhike.rules.yml").read_text(encoding="utf-8"))
SCRAPED = {"job", "instance", "service"}  # what prometheus.yml adds to every series
PROMETHEUS_OWN = {"up": SCRAPED, "ALERTS": {"alertname", "alertstate", "severity"}}


def rules() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def emitted() -> dict[str, set[str]]:
    """Return every series that can be asked for, with its labels."""
    found: dict[str, set[str]] = dict(PROMETHEUS_OWN)
    for name, metric in declared_metrics(product_modules()).items():
        labels = SCRAPED | set(metric.labels)
        if metric.kind is MetricKind.HISTOGRAM:
            found |= {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
        else:
            found[name] = labels
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    for family in registry.collect():
        for sample in family.samples:
            found[sample.name] = SCRAPED | set(sample.labels)
    for rule in rules():
        if "record" in rule:
            found[rule["record"]] = asked_by(rule["expr"]).grouped - {"le"}
    return found


def expressions() -> list[tuple[str, str]]:
    """Return every expression with where it stands."""
    asked = [(rule.get("record") or rule["alert"], rule["expr"]) for rule in rules()]
    for path in sorted(FOLDER.glob("*.json")):
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        for panel in dashboard["panels"]:
            asked += [(f"{path.stem}: {panel['title']}", target["expr"]) for target in panel.get("targets", ())]
    return asked


def unknown_in(expression: str, known: dict[str, set[str]]) -> set[str]:
    """Return what an expression asks for and nobody emits."""
    asked = asked_by(expression)
    wrong = {name for name in asked.labels if name not in known}
    wrong |= {
        f"{name}{{{label}}}" for name, own in asked.labels.items() if name in known for label in own - known[name]
    }
    some = set().union(*(known.get(name, set()) for name in asked.labels))
    return wrong | {f"by {label}" for label in asked.grouped - some}


def test_every_query_names_what_is_emitted() -> None:
    known, asked = emitted(), expressions()
    assert len(asked) > 60
    wrong = {where: unknown for where, expression in asked if (unknown := unknown_in(expression, known))}
    assert not wrong


@pytest.mark.parametrize(
    ("expression", "unknown"),
    [
        ("sum(rate(zhike_http_request_total[5m]))", {"zhike_http_request_total"}),
        ('zhike_http_requests_total{path="/"}', {"zhike_http_requests_total{path}"}),
        ("sum by (rpc) (zhike_http_requests_total)", {"by rpc"}),
        ("rate(zhike_http_seconds[5m])", {"zhike_http_seconds"}),
        ('zhike_ready{service=~"$service"} and on (service) up', set()),
        ("histogram_quantile(0.9, sum by (le) (rate(zhike_http_seconds_bucket[5m] offset 1h)))", set()),
    ],
)
def test_a_name_that_nobody_emits_is_found(expression: str, unknown: set[str]) -> None:
    assert unknown_in(expression, emitted()) == unknown


@pytest.mark.parametrize("expression", ['{job="x"}', "sum by rate(up[5m])", "up{job='x'}", "up[5m"])
def test_an_expression_that_cannot_be_read_is_no_silent_success(expression: str) -> None:
    with pytest.raises(PromqlError):
        asked_by(expression)


def test_every_metric_that_is_shown_is_set_somewhere() -> None:
    """A table alone emits nothing: the code must ask for the metric by its name."""
    texts_in_calls = {
        argument.value
        for path in product_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in {"counter", "gauge", "histogram"}
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    unused = {name for name in declared_metrics(product_modules()) if name not in texts_in_calls}
    assert not unused


def test_every_declared_metric_is_on_a_dashboard_or_in_an_alert() -> None:
    asked = {name for _, expression in expressions() for name in asked_by(expression).labels}
    shown = {name.removesuffix(suffix) for name in asked for suffix in ("", "_bucket", "_sum", "_count")}
    unseen = set(declared_metrics(product_modules())) - shown
    assert not unseen


def test_no_metric_has_a_label_that_scraping_adds() -> None:
    assert not {name for name, metric in declared_metrics(product_modules()).items() if SCRAPED & set(metric.labels)}


def test_the_dashboards_are_what_the_code_writes() -> None:
    assert {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")} == texts(), (
        "run: python -m infra.grafana.build"
    )


@pytest.mark.parametrize("path", sorted(texts()), ids=lambda path: path.stem)
def test_a_dashboard_has_its_form(path: Path) -> None:
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells), "panels overlap"
    assert max(x for x, _ in cells) < WIDTH
    assert all(panel["description"] for panel in panels if panel["type"] != "row")
    sources = {panel["datasource"]["uid"] for panel in panels if "datasource" in panel}
    provisioned = yaml.safe_load(
        (ROOT / "infra/grafana/provisioning/datasources/prometheus.yaml").read_text(encoding="utf-8")
    )
    assert sources == {provisioned["datasources"][0]["uid"]}
    schema = ROOT / "infra" / "grafana" / "dashboard.schema.json"
    command = [tool("check-jsonschema"), "--schemafile", str(schema), str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_dashboards_link_to_one_another() -> None:
    uids = {each.uid for each in DASHBOARDS}
    for path in texts():
        links = json.loads(path.read_text(encoding="utf-8"))["links"]
        assert {link["url"].removeprefix("/d/") for link in links} == uids - {path.stem}


def test_every_alert_says_what_it_means_and_how_bad_it_is() -> None:
    for rule in rules():
        if "alert" in rule:
            assert rule["labels"]["severity"] in {"critical", "warning"}, rule["alert"]
            assert rule["annotations"]["summary"], rule["alert"]


def test_every_alert_has_its_line_for_operators() -> None:
    page = (ROOT / "docs" / "operator.md").read_text(encoding="utf-8")
    assert not [rule["alert"] for rule in rules() if "alert" in rule and f"`{rule['alert']}`" not in page]


def test_prometheus_itself_reads_the_configuration_and_the_rules_fire_as_they_should() -> None:
    promtool = tool("promtool")
    for command in (
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "--lint-fatal", "rules/zhike.rules.yml"],
        ["test", "rules", "rules/zhike.test.yml"],
    ):
        result = subprocess.run([promtool, *command], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr


def test_prometheus_itself_reads_every_query(tmp_path: Path) -> None:
    """As rules, for promtool 2.42 checks no bare expression; a dashboard's variable stands for any service."""
    checked = [
        {"record": f"dashboards:query{number}", "expr": expression.replace("$service", ".*")}
        for number, (_, expression) in enumerate(expressions())
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": checked}]}), encoding="utf-8")
    command = [tool("promtool"), "check", "rules", str(file)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr

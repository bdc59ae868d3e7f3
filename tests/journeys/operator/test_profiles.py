"""The same platform on one data directory and on servers: the tour holds on both, and both give the same answers."""

import csv
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.callers import Shop, fresh
from tests.journeys.platform import DEMO_HOUSEHOLDS, Platform

QUERIES = ("牛奶", "奶酪", "milk", "chesse", "frozen pizza", "洗发水", "no such thing at all")
PREFIXES = ("che", "mi", "奶", "冰")
CUSTOMERS = 5
SERVERS = {"ZHIKE_DOCUMENTS": "ZHIKE_TEST_MONGODB", "ZHIKE_SEARCH_INDEX": "ZHIKE_TEST_ELASTICSEARCH"}
OF_THE_MOMENT = frozenset(
    {
        *("score", "engine_us", "attribution_token", "next_page_token", "model_version", "request_id"),
        *("update_time", "create_time", "as_of_time", "version", "time", "last_time", "recorded_time"),
    }
)


@pytest.fixture(scope="session")
def distributed_shop(tmp_path_factory: pytest.TempPathFactory, complete_journey: None) -> Iterator[Platform]:
    """Return the demo shop of ``demo_shop`` on the servers for tests, in databases and indexes of its own."""
    missing = [variable for variable in SERVERS.values() if not os.environ.get(variable)]
    if missing:
        reason = f"{' and '.join(missing)} not set: run it by make test-real"
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    name = f"zhike_t{secrets.token_hex(4)}"
    documents = os.environ["ZHIKE_TEST_MONGODB"].rstrip("/")
    settings = (
        ("ZHIKE_DOCUMENTS", f"{documents}/{name}"),
        ("ZHIKE_SEARCH_INDEX", os.environ["ZHIKE_TEST_ELASTICSEARCH"]),
        ("ZHIKE_SEARCH_INDEX_PREFIX", name.replace("_", "-")),
    )
    platform = Platform(tmp_path_factory.mktemp("distributed-shop"), Platform.at(Path()).port, settings)
    try:
        platform.up("--profile", "distributed", "--demo", "--households", str(DEMO_HOUSEHOLDS))
        yield platform
    finally:
        platform.down()


@pytest.mark.real
def test_the_tour_holds_on_servers(distributed_shop: Platform) -> None:
    result = distributed_shop.zhike("tour", "--profile", "distributed", "--json")
    steps = json.loads(result.stdout.splitlines()[-1])["steps"]
    assert [step["name"] for step in steps if not step["ok"]] == []
    assert result.returncode == 0


@pytest.mark.real
def test_both_profiles_give_the_same_answers(demo_shop: Platform, distributed_shop: Platform, shop: Shop) -> None:
    answers = [_answers(each) for each in (demo_shop, distributed_shop)]
    for path, embedded in answers[0].items():
        assert answers[1][path] == embedded, path


def test_a_profile_names_the_variable_that_is_missing(tmp_path: Path) -> None:
    platform = Platform.at(tmp_path / "data")
    for command in ("up", "tour"):
        result = platform.zhike(command, "--profile", "distributed")
        assert result.returncode not in {0, 1}
        assert "ZHIKE_DOCUMENTS" in result.stderr and "ZHIKE_SEARCH_INDEX" in result.stderr
    assert platform.run_file() is None


def test_the_tour_of_another_profile_is_refused(empty_shop: Platform) -> None:
    servers = Platform(
        empty_shop.data,
        empty_shop.port,
        (("ZHIKE_DOCUMENTS", "mongodb://127.0.0.1/zhike"), ("ZHIKE_SEARCH_INDEX", "http://127.0.0.1")),
    )
    result = servers.zhike("tour", "--profile", "distributed")
    assert result.returncode not in {0, 1} and "embedded" in result.stderr


def _answers(platform: Platform) -> dict[str, Any]:
    """Return what a load-tester, whose questions teach nothing, and the desk are told, by path."""
    key = platform.key(fresh("j-"), "secret", "load")
    with (platform.data / "demo" / "customers.csv").open(encoding="utf-8", newline="") as file:
        cards = [row["card"] for row in csv.DictReader(file) if row["card"]][:CUSTOMERS]
    customers = [f"card:{card}" for card in cards]
    paths = [f"/v1/search?q={query}&language={language}&page_size=24" for query in QUERIES for language in ("zh", "en")]
    paths += [f"/v1/search?q={query}&facets=brand,category,price&order_by=price" for query in QUERIES[:3]]
    paths += [f"/v1/suggest?q={prefix}&language={language}" for prefix in PREFIXES for language in ("zh", "en")]
    paths += [f"/v1/recommendations/recommended-for-you?identifier={each}" for each in customers]
    paths += [f"/v1/recommendations/buy-it-again?identifier={each}" for each in customers]
    paths += ["/v1/recommendations/popular"]
    with (
        httpx.Client(base_url=platform.url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client,
        platform.operator() as desk,
    ):
        answers = {path: _lasting(client.get(path).raise_for_status().json()) for path in paths}
        for each in customers:
            answers[each] = desk.get(f"/v1/customers/{each}").raise_for_status().json()["profile_hash"]
    return answers


def _lasting(value: Any) -> Any:
    """Return an answer without what two deployments cannot have in common."""
    if isinstance(value, dict):
        return {name: _lasting(each) for name, each in value.items() if name not in OF_THE_MOMENT}
    return [_lasting(each) for each in value] if isinstance(value, list) else value

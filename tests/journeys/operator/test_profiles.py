"""The same platform on one data directory and on servers: the tour holds on both, and both give the same answers."""

import csv
import json
import os
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.journeys.callers import fresh
from tests.journeys.platform import DEMO_HOUSEHOLDS, Platform

QUERIES = ("牛奶", "奶酪", "milk", "chesse", "frozen pizza", "洗发水", "no such thing at all")
PREFIXES = ("che", "mi", "奶", "冰")
OF_A_PERSON = ("recommended-for-you", "buy-it-again")
OF_A_PRODUCT = ("similar-items", "frequently-bought-together")
CUSTOMERS, PRODUCTS = 5, 5
PAGE_SIZE = 24
SHARED = 0.8  # of a page
SETTLE_LIMIT_S, SETTLE_PAUSE_S = 90.0, 5.0
SERVERS = {"ZHIKE_DOCUMENTS": "ZHIKE_TEST_MONGODB", "ZHIKE_SEARCH_INDEX": "ZHIKE_TEST_ELASTICSEARCH"}
OF_THE_MOMENT = frozenset(
    {
        *("score", "engine_us", "attribution_token", "next_page_token", "model_version", "request_id"),
        *("update_time", "create_time", "as_of_time", "version", "time", "last_time", "recorded_time"),
        *("joined_time", "claim_time", "profile_hash"),  # of when each was imported; the hash holds them
        "trained_through",  # the numbers of one partition or of eight
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
def test_both_profiles_give_the_same_answers_and_the_tour_holds_on_servers(
    demo_shop: Platform, distributed_shop: Platform
) -> None:
    end = time.monotonic() + SETTLE_LIMIT_S  # popularities, by which equal matches are ordered, are written in turns
    while True:
        embedded, distributed = (_answers(each) for each in (demo_shop, distributed_shop))
        different = [path for path, answer in embedded.items() if not _agree(answer, distributed[path], path)]
        if not different:
            break
        assert time.monotonic() < end, {path: (_told(embedded[path]), _told(distributed[path])) for path in different}
        time.sleep(SETTLE_PAUSE_S)
    assert {_source(embedded, placement) for placement in OF_A_PERSON} <= {"als", "item-to-item", "history"}
    assert _source(embedded, "frequently-bought-together") == "ease"
    result = distributed_shop.zhike("tour", "--all", "--profile", "distributed", "--json")
    steps = json.loads(result.stdout.splitlines()[-1])["steps"]
    assert [step["name"] for step in steps if not step["ok"]] == []
    assert result.returncode == 0


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


def _agree(one: dict[str, Any], other: dict[str, Any], path: str) -> bool:
    """Tell whether two answers are one, by relevance as far as two engines can agree.

    Both score alike, but over the entries that they happen to hold: replaced ones weigh until segments merge. So a page
    that many others may push from is mostly the same, a shorter one has the same products.
    """
    if "order_by" in path or "results" not in one:
        return one == other
    first, second = ({each["product"]["id"]: each for each in answer["results"]} for answer in (one, other))
    shared = first.keys() & second.keys()
    wanted = len(first) if one["total_size"] <= PAGE_SIZE else SHARED * PAGE_SIZE
    alike = all(
        (first[each]["product"], first[each]["highlight"]) == (second[each]["product"], second[each]["highlight"])
        for each in shared
    )
    return alike and len(shared) >= wanted and {**one, "results": None} == {**other, "results": None}


def _told(answer: Any) -> Any:
    """Return an answer short enough to read in a failure."""
    if isinstance(answer, dict) and "results" in answer:
        return {**answer, "results": [each["product"]["id"] for each in answer["results"]]}
    return answer


def _answers(platform: Platform) -> dict[str, Any]:
    """Return what a load-tester, whose questions teach nothing, and the desk are told, by path.

    Both trained on the same events: the blobs of their models are one, whatever the partitions of their logs.
    """
    key = platform.key(fresh("j-"), "secret", "load")
    with (platform.data / "demo" / "customers.csv").open(encoding="utf-8", newline="") as file:
        cards = [row["card"] for row in csv.DictReader(file) if row["card"]][:CUSTOMERS]
    customers = [f"card:{card}" for card in cards]
    with (platform.data / "demo" / "orders.csv").open(encoding="utf-8", newline="") as file:
        bought = Counter(row["product_id"] for row in csv.DictReader(file))
    products = [product_id for product_id, _ in bought.most_common(PRODUCTS)]
    paths = [
        f"/v1/search?q={query}&language={language}&page_size={PAGE_SIZE}"
        for query in QUERIES
        for language in ("zh", "en")
    ]
    paths += [f"/v1/search?q={query}&facets=brand,category,price&order_by=price" for query in QUERIES[:3]]
    paths += [f"/v1/suggest?q={prefix}&language={language}" for prefix in PREFIXES for language in ("zh", "en")]
    paths += ["/v1/recommendations/popular"]
    paths += [_slots(placement, f"identifier={each}") for placement in OF_A_PERSON for each in customers]
    paths += [_slots(placement, f"product_id={each}") for placement in OF_A_PRODUCT for each in products]
    with (
        httpx.Client(base_url=platform.url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as client,
        platform.operator() as desk,
    ):
        answers = {path: _lasting(client.get(path).raise_for_status().json()) for path in paths}
        answers["/v1/models"] = _lasting(desk.get("/v1/models").raise_for_status().json())
        for each in customers:
            answers[each] = _lasting(desk.get(f"/v1/customers/{each}").raise_for_status().json())
    return answers


def _slots(placement: str, about: str) -> str:
    return f"/v1/recommendations/{placement}?{about}&page_size={PAGE_SIZE}&language=en"


def _source(answers: dict[str, Any], placement: str) -> str:
    """Return what filled the first answer of a placement: not merely what is popular."""
    return next(str(answer["source"]) for path, answer in answers.items() if f"/{placement}?" in path)


def _lasting(value: Any) -> Any:
    """Return an answer without what two deployments cannot have in common."""
    if isinstance(value, dict):
        return {name: _lasting(each) for name, each in value.items() if name not in OF_THE_MOMENT}
    return [_lasting(each) for each in value] if isinstance(value, list) else value

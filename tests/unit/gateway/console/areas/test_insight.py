"""Pages of what people search, and of models: what they ask, what they show, what their forms do."""

from collections.abc import AsyncIterator
from urllib.parse import quote

import orjson
import pytest
from zhike.search.v1 import query_insight_service_pb2 as insight_pb

from gateway.console.areas.insight.models import read_models
from gateway.console.staffing import StaffRole
from services.chassis.errors import ErrorKind, ZhikeError
from tests.fakes.console import ConsoleOnFakes, fields_of, open_console
from tests.fakes.gateway_services import MODEL


@pytest.fixture(params=["en", "zh"])
async def console(request: pytest.FixtureRequest) -> AsyncIterator[ConsoleOnFakes]:
    opened = await open_console(language=request.param)
    async with opened.client:
        yield opened


@pytest.mark.parametrize("view", ["top", "rising", "empty", "weak"])
async def test_each_view_is_asked_for_and_drawn(console: ConsoleOnFakes, view: str) -> None:
    html = await console.page(f"/queries?view={view}&days=7&language_of=zh")
    asked = console.services.last("ListQueryInsights")
    assert (asked.window_days, asked.language) == (7, "zh")
    assert asked.view == insight_pb.QueryView.Value(f"QUERY_VIEW_{view.upper()}")
    assert "data-chart" in html
    assert f"/console/queries/{quote('牛奶')}?days=7" in html


async def test_what_is_no_choice_is_the_usual_one(console: ConsoleOnFakes) -> None:
    await console.page("/queries?view=all&days=9999&language_of=fr")
    asked = console.services.last("ListQueryInsights")
    assert (asked.view, asked.window_days, asked.language) == (insight_pb.QUERY_VIEW_TOP, 28, "")


async def test_queries_are_a_file_too(console: ConsoleOnFakes) -> None:
    answer = await console.get("/queries?csv=queries")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "牛奶" in answer.content.decode("utf-8-sig")


@pytest.mark.parametrize("query", ["牛奶", "a/b?c#d", "50%", "<script>x</script>"])
async def test_any_query_has_its_page(console: ConsoleOnFakes, query: str) -> None:
    html = await console.page(f"/queries/{quote(query, safe='')}?days=7")
    asked = console.services.last("GetQueryCourse")
    assert (asked.query, asked.window_days) == (query, 7)
    search = console.services.last("Search")
    assert (search.query, search.synthetic, search.language) == (query, True, console.language)
    assert html.count("data-chart") == 2


async def test_results_now_are_shown_with_price_and_stock(
    console: ConsoleOnFakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = {
        "id": "p1",
        "title": "Milk",
        "titles": {"zh": "鲜奶", "en": "Milk"},
        "price": {"amount": "9.90", "currency": "CNY"},
        "availability": "out-of-stock",
    }
    from zhike.search.v1 import search_service_pb2

    body = {"results": [{"product": card, "position": 1}], "corrected_query": "milk"}
    response = search_service_pb2.SearchResponse(json=orjson.dumps(body))
    monkeypatch.setattr(console.services, "_Search", lambda _request: response, raising=False)
    html = await console.page("/queries/mikl")
    assert {"zh": "鲜奶", "en": "Milk"}[console.language] in html
    assert "9.90" in html
    assert {"zh": "售罄", "en": "sold out"}[console.language] in html


async def test_without_the_index_the_numbers_still_stand(console: ConsoleOnFakes) -> None:
    class AwayError(ZhikeError):
        kind = ErrorKind.UNAVAILABLE
        reason = "SERVICE_UNAVAILABLE"

    console.services.failures["Search"] = AwayError("away")
    html = await console.page("/queries/milk")
    assert html.count("data-chart") == 2
    assert 'class="gone quiet"' in html


async def test_versions_are_shown_against_popularity(console: ConsoleOnFakes) -> None:
    html = await console.page("/models")
    assert html.count("data-chart") == 2
    assert MODEL in html and "m-6" in html
    assert "0.0500" in html


async def test_a_version_is_put_in_force_by_who_asks_over_what_they_saw(console: ConsoleOnFakes) -> None:
    answer = await console.post("/models", "promote", {"version": "m-6", "reason": "r"}, submit="s" * 20, version="4")
    assert answer.status_code == 303
    asked = console.services.last("PromoteModel")
    assert (asked.version, asked.reason, asked.expected_number) == ("m-6", "r", 4)
    assert asked.actor
    forged = await console.post("/models", "promote", {"version": "m-6"}, submit="u" * 20, version="4; DROP")
    assert forged.status_code == 412
    stale = await console.post("/models", "promote", {"version": "m-6"}, submit="t" * 20, version="3")
    assert stale.status_code == 412


async def test_training_is_started_once_and_its_progress_is_shown(console: ConsoleOnFakes) -> None:
    fields = {**fields_of(await console.page("/models"), "train"), "engine": "local", "dry_run": "true"}
    fields.pop("sweep")  # a box that is not ticked is not sent
    answer = await console.client.post("/console/models", data=fields, headers=console._headers())
    assert answer.status_code == 303
    asked = console.services.last("TrainModel")
    assert (asked.engine, asked.dry_run, asked.sweep, bool(asked.actor)) == ("local", True, False, True)
    assert asked.request_id == fields["_submit"]
    html = await console.page(answer.headers["location"].removeprefix("/console"))
    assert 'id="training"' in html and next(iter(console.services.operations)) in html


async def test_a_training_that_nobody_knows_is_not_shown(console: ConsoleOnFakes) -> None:
    for unknown in ("recommendation.nothing", "search.x", "<b>"):
        html = await console.page(f"/models?training={quote(unknown)}")
        assert '<div id="training" data-live="models"></div>' in html, "nothing stands there"
        assert "training=<b>" not in html


async def test_who_only_reads_changes_nothing(console: ConsoleOnFakes) -> None:
    console.roles = (StaffRole.ANALYST,)
    html = await console.page("/models")
    assert 'value="promote"' not in html and 'value="train"' not in html
    answer = await console.post("/models", "train", {"engine": "local"}, submit="s" * 20)
    assert answer.status_code == 403
    assert not console.services.count("TrainModel")
    console.roles = (StaffRole.DESK,)
    for path in ("/queries", "/queries/milk", "/models"):
        assert (await console.get(path)).status_code == 403


async def test_the_live_topic_moves_with_a_training(console: ConsoleOnFakes) -> None:
    before, _ = await read_models(console.shop.parts, "main")
    await console.post("/models", "train", {"engine": "local"}, submit="s" * 20)
    running, _ = await read_models(console.shop.parts, "main")
    assert running != before

"""Requests are checked at the door; the finished JSON is the public form of the typed message."""

import orjson
import pytest
from zhike.recommendation.v1 import prediction_service_pb2 as pb
from zhike.type.v1 import identifier_pb2

from services.chassis.errors import InvalidArgumentError
from services.recommendation.domain.cart import CartLine
from services.recommendation.domain.errors import (
    TooManyProductsError,
    UnknownEngineError,
    UnknownLanguageError,
    UnknownPlacementError,
)
from services.recommendation.domain.model import EngineName, InForce, Ranker
from services.recommendation.domain.prediction import (
    EXCLUDED_LIMIT,
    IDENTIFIERS_LIMIT,
    PAGE_SIZE_DEFAULT,
    PAGE_SIZE_LIMIT,
    PRODUCTS_LIMIT,
    FallbackReason,
    Placement,
    Prediction,
    Slot,
    Source,
)
from services.recommendation.domain.reasons import Reason, ReasonCode
from services.recommendation.wire.predictions import (
    WrittenReasons,
    cart_to_pb,
    engine_from_pb,
    language_from_pb,
    model_to_pb,
    prediction_to_json,
    prediction_to_pb,
    request_from_pb,
)
from tests.unit.services.recommendation.shop import NOW, product_event, shop_world
from tests.unit.services.recommendation.store.test_models import version

SHELF = shop_world(None).shelf
PREDICTION = Prediction(
    Placement.SIMILAR_ITEMS,
    (
        Slot("p2", 1.5, Reason(ReasonCode.BECAUSE_BOUGHT, {"product_id": "p1"}), Source.ALS),
        Slot("p3", 0.5, Reason(ReasonCode.BECAUSE_BOUGHT, {"product_id": "withdrawn long ago"}), Source.ALS),
    ),
    Source.ALS,
    FallbackReason.NO_MODEL,
)
FACTS = {"model_version": "m-1", "token": "t-1", "engine_us": 42}


def asked(**fields: object) -> pb.PredictRequest:
    return pb.PredictRequest(**{"placement": "popular", **fields})


def test_a_request_is_read_with_its_defaults() -> None:
    request = request_from_pb(asked(product_ids=["p1", "p1", "p2"]))
    assert request.placement is Placement.POPULAR
    assert request.page_size == PAGE_SIZE_DEFAULT
    assert request.product_ids == ("p1", "p2")
    assert request.language == "zh"


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"placement": "推荐"}, UnknownPlacementError),
        ({"placement": ""}, UnknownPlacementError),
        ({"language": "fr"}, UnknownLanguageError),
        ({"page_size": -1}, InvalidArgumentError),
        ({"product_ids": ["p"] * (PRODUCTS_LIMIT + 1)}, TooManyProductsError),
        ({"exclude_product_ids": ["p"] * (EXCLUDED_LIMIT + 1)}, TooManyProductsError),
        (
            {"shopper": identifier_pb2.Shopper(identifiers=[f"card:{n}" for n in range(IDENTIFIERS_LIMIT + 1)])},
            TooManyProductsError,
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_field(fields: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error) as refusal:
        request_from_pb(asked(**fields))
    assert refusal.value.metadata["field"]  # type: ignore[attr-defined]


def test_at_the_limit_is_still_fine() -> None:
    request = request_from_pb(
        asked(
            page_size=PAGE_SIZE_LIMIT + 1,
            product_ids=[f"p{n}" for n in range(PRODUCTS_LIMIT)],
            exclude_product_ids=[f"p{n}" for n in range(EXCLUDED_LIMIT)],
        )
    )
    assert request.page_size == PAGE_SIZE_LIMIT
    assert len(request.product_ids) == PRODUCTS_LIMIT


@pytest.mark.parametrize(("tag", "expected"), [("", "zh"), ("zh-CN", "zh"), ("en-GB", "en"), ("EN", "en")])
def test_a_language_tag_is_read_by_its_first_part(tag: str, expected: str) -> None:
    assert language_from_pb(tag) == expected


def test_ray_trains_unless_another_engine_is_named() -> None:
    assert engine_from_pb("") is EngineName.RAY
    assert engine_from_pb("local") is EngineName.LOCAL
    with pytest.raises(UnknownEngineError):
        engine_from_pb("gpu")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_finished_json_says_what_the_typed_message_says(language: str) -> None:
    body = orjson.loads(prediction_to_json(PREDICTION, SHELF, language, reasons=WrittenReasons(), **FACTS))
    typed = prediction_to_pb(PREDICTION, SHELF, language, **FACTS)
    for name in ("placement", "attribution_token", "source", "model_version", "fallback_reason", "engine_us"):
        assert body[name] == getattr(typed, name)
    for slot, other in zip(body["slots"], typed.slots, strict=True):
        assert slot["product"] == orjson.loads(other.product_json)
        assert slot["product"]["id"] == other.product_id
        assert slot["reason_params"] == dict(other.reason_params)
        assert (slot["reason"], slot["reason_code"], slot["source"], slot["score"]) == (
            other.reason,
            other.reason_code,
            other.source,
            other.score,
        )


def test_no_slots_are_an_empty_list() -> None:
    empty = Prediction(Placement.POPULAR, (), Source.POPULAR)
    body = orjson.loads(prediction_to_json(empty, SHELF, "zh", reasons=WrittenReasons(), **FACTS))
    assert body["slots"] == []
    assert body["placement"] == "popular"


@pytest.mark.parametrize("title", ['Say "hi"\\', "换\n行", "\u2028<b>"])
def test_a_title_is_written_as_json_whatever_it_holds(title: str) -> None:
    shelf = shop_world(None).shelf
    shelf.apply(product_event(900, "p1", title={"en": title, "zh": title}))
    body = orjson.loads(prediction_to_json(PREDICTION, shelf, "en", reasons=WrittenReasons(), **FACTS))
    assert title in body["slots"][0]["reason"]


def test_a_reason_follows_the_title_that_it_names() -> None:
    shelf, reasons = shop_world(None).shelf, WrittenReasons()

    def words(language: str) -> str:
        body = orjson.loads(prediction_to_json(PREDICTION, shelf, language, reasons=reasons, **FACTS))
        return str(body["slots"][0]["reason"])

    assert [words("zh"), words("en")] == ["因为您买过“东西1”", "Because you bought Thing 1"]
    shelf.apply(product_event(900, "p1", title={"en": "Green tea", "zh": "绿茶"}))
    assert [words("zh"), words("en")] == ["因为您买过“绿茶”", "Because you bought Green tea"]


def test_the_memory_of_written_reasons_is_bounded() -> None:
    reasons = WrittenReasons(limit=4)
    for number in range(9):
        reason = Reason(ReasonCode.BUY_AGAIN, {"times": str(number), "interval_days": "1", "days_ago": "1"})
        text = reasons.written(reason, Source.HISTORY, SHELF, "en")
        assert f'"reason":"You bought it {number} times, about every 1 days"'.encode() in text
        assert len(reasons) <= 4


def test_a_reason_names_the_title_in_the_language_asked_for() -> None:
    reasons = [prediction_to_pb(PREDICTION, SHELF, language, **FACTS).slots[0].reason for language in ("zh", "en")]
    assert reasons == ["因为您买过“东西1”", "Because you bought Thing 1"]


def test_a_reason_of_a_product_that_is_gone_falls_back_to_its_id() -> None:
    assert "withdrawn long ago" in prediction_to_pb(PREDICTION, SHELF, "en", **FACTS).slots[1].reason


def test_a_cart_is_written_typed_and_as_json() -> None:
    message = cart_to_pb((CartLine("p1", 2),), {"amount": "5.00", "currency": "CNY"}, NOW, shelf=SHELF, language="zh")
    body = orjson.loads(message.json)
    assert body["lines"][0]["product"]["title"] == "东西1"
    assert body["lines"][0]["quantity"] == message.lines[0].quantity == 2
    assert body["total"] == {"amount": "5.00", "currency": "CNY"}
    assert body["as_of_time"] == "2026-01-05T08:00:00Z"


@pytest.mark.parametrize(
    ("in_force", "promoted"),
    [
        (None, False),
        (InForce("m-1", Ranker.ALS, "better"), True),
        (InForce("m-1", Ranker.ITEM_TO_ITEM, "not better"), False),
        (InForce("m-2", Ranker.ALS, "better"), False),
    ],
)
def test_a_version_is_promoted_when_its_factors_answer(in_force: InForce | None, promoted: bool) -> None:
    message = model_to_pb(version("m-1", "d"), in_force)
    assert message.promoted is promoted
    assert message.parameters["alpha"] == 4.0
    assert dict(message.trained_through) == {"0": 7, "1": 9, "order-events/0": 5}
    assert message.windows[0].ndcg_at_10 == 0.06
    assert message.verdict

"""Protobuf and public JSON <-> domain, and nothing else."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from zhike.recommendation.v1 import model_service_pb2 as models_pb
from zhike.recommendation.v1 import prediction_service_pb2 as pb
from zhike.type.v1 import identifier_pb2

from services.chassis.paging import page_size
from services.recommendation.domain.cart import CartLine
from services.recommendation.domain.errors import (
    TooManyProductsError,
    UnknownEngineError,
    UnknownLanguageError,
    UnknownPlacementError,
)
from services.recommendation.domain.model import EngineName, InForce, ModelVersion, Promotion, Ranker, verdict_words
from services.recommendation.domain.prediction import (
    EXCLUDED_LIMIT,
    IDENTIFIERS_LIMIT,
    PAGE_SIZE_DEFAULT,
    PAGE_SIZE_LIMIT,
    PRODUCTS_LIMIT,
    Placement,
    Prediction,
    Request,
    Slot,
    Source,
)
from services.recommendation.domain.reasons import LANGUAGES, Reason, sentence
from services.recommendation.store.ledger import USER_EVENTS
from services.recommendation.store.shelf import Shelf

LANGUAGE_DEFAULT = "zh"
PLACEMENTS = {placement.value: placement for placement in Placement}
PRODUCT_PARAM = "product_id"
REASONS_LIMIT = 20_000  # written reasons of about 200 bytes


def request_from_pb(message: pb.PredictRequest) -> Request:
    """Check and decode. Raises UnknownPlacementError, TooManyProductsError, UnknownLanguageError, InvalidArgument."""
    placement = PLACEMENTS.get(message.placement)
    if placement is None:
        raise UnknownPlacementError(
            "there is no such placement", field="placement", known=", ".join(sorted(PLACEMENTS))
        )
    product_ids, excluded = message.product_ids, message.exclude_product_ids
    _bound("product_ids", product_ids, PRODUCTS_LIMIT)
    _bound("exclude_product_ids", excluded, EXCLUDED_LIMIT)
    return Request(
        placement,
        identifiers_from_pb(message.shopper),
        tuple(dict.fromkeys(product_ids)) if product_ids else (),
        page_size(message.page_size, default=PAGE_SIZE_DEFAULT, maximum=PAGE_SIZE_LIMIT),
        frozenset(excluded),
        language_from_pb(message.language),
        message.shopper.shop,
        message.shopper.channel,
    )


def identifiers_from_pb(shopper: identifier_pb2.Shopper) -> tuple[str, ...]:
    """Decode who asks. Raises TooManyProductsError."""
    identifiers = tuple(shopper.identifiers)
    _bound("shopper.identifiers", identifiers, IDENTIFIERS_LIMIT)
    return identifiers


def language_from_pb(language: str) -> str:
    """Return "zh" or "en" of a BCP 47 tag; zh when none is said. Raises UnknownLanguageError."""
    if language in LANGUAGES:
        return language
    if not language:
        return LANGUAGE_DEFAULT
    primary = language.split("-", 1)[0].lower()
    if primary not in LANGUAGES:
        raise UnknownLanguageError("language must be zh or en", field="language")
    return primary


def engine_from_pb(engine: str) -> EngineName:
    """Return the engine; Ray when none is said. Raises UnknownEngineError."""
    if not engine:
        return EngineName.RAY
    if engine not in {each.value for each in EngineName}:
        raise UnknownEngineError("engine must be ray or local", field="engine")
    return EngineName(engine)


class WrittenReasons:
    """What a slot says after its card, as JSON up to the score: written once for each reason, language and title.

    All that the text depends on is part of the key, so nothing here can be out of date. When it is full, the older half
    goes.
    """

    def __init__(self, limit: int = REASONS_LIMIT) -> None:
        self._limit = limit
        self._known: dict[tuple[object, ...], bytes] = {}

    def __len__(self) -> int:
        return len(self._known)

    def written(self, reason: Reason, source: Source, shelf: Shelf, language: str) -> bytes:
        """Return ``,"reason":…,"reason_code":…,"reason_params":…,"source":…,"score":``."""
        title = _title(reason, shelf, language)
        key = (reason.code, source, language, title, *reason.params.items())
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= self._limit:
                self._known = dict(list(self._known.items())[self._limit // 2 :])
            known = self._known[key] = _written_reason(reason, source, sentence(reason, language, title=title))
        return known


def _written_reason(reason: Reason, source: Source, text: str) -> bytes:
    body = {
        "reason": text,
        "reason_code": reason.code.value,
        "reason_params": reason.params,
        "source": source.value,
    }
    return b"," + orjson.dumps(body)[1:-1] + b',"score":'


def prediction_to_json(
    prediction: Prediction,
    shelf: Shelf,
    language: str,
    *,
    reasons: WrittenReasons,
    model_version: str,
    token: str,
    engine_us: int,
) -> bytes:
    """Write the public form once (docs/architecture.md, "Recommendations"); cards come ready from the shelf."""
    facts = orjson.dumps(
        {
            "placement": prediction.placement.value,
            "source": prediction.source.value,
            "model_version": model_version,
            "fallback_reason": prediction.fallback_reason.value,
            "attribution_token": token,
            "engine_us": engine_us,
        }
    )
    if not prediction.slots:
        return b'{"slots":[],' + facts[1:]
    scores = orjson.dumps([slot.score for slot in prediction.slots])[1:-1].split(b",")
    pieces: list[bytes] = []
    for slot, score in zip(prediction.slots, scores, strict=True):
        reason = reasons.written(slot.reason, slot.source, shelf, language)
        pieces += (b'},{"product":', shelf.card(slot.product_id, language), reason, score)
    pieces[0] = b'{"slots":[{"product":'
    pieces += (b"}],", facts[1:])
    return b"".join(pieces)


def prediction_to_pb(
    prediction: Prediction, shelf: Shelf, language: str, *, model_version: str, token: str, engine_us: int
) -> pb.Prediction:
    """Encode the typed form."""
    return pb.Prediction(
        slots=[
            pb.Slot(
                product_id=slot.product_id,
                product_json=shelf.card(slot.product_id, language),
                score=slot.score,
                reason=reason_text(slot, shelf, language),
                reason_code=slot.reason.code.value,
                reason_params=dict(slot.reason.params),
                source=slot.source.value,
            )
            for slot in prediction.slots
        ],
        placement=prediction.placement.value,
        attribution_token=token,
        source=prediction.source.value,
        model_version=model_version,
        fallback_reason=prediction.fallback_reason.value,
        engine_us=engine_us,
    )


def cart_to_pb(
    lines: Sequence[CartLine], total: dict[str, str] | None, as_of_time: datetime, *, shelf: Shelf, language: str
) -> pb.GetCartResponse:
    """Encode a cart, typed and as its public JSON (docs/architecture.md, "Cart")."""
    body: dict[str, Any] = {
        "lines": [
            {"product": orjson.Fragment(shelf.card(line.product_id, language)), "quantity": line.quantity}
            for line in lines
        ],
        "total": total,
        "as_of_time": as_of_time,
    }
    return pb.GetCartResponse(
        json=orjson.dumps(body, option=orjson.OPT_UTC_Z),
        lines=[pb.CartLine(product_id=line.product_id, quantity=line.quantity) for line in lines],
    )


def _trained_through(model: ModelVersion) -> dict[str, int]:
    """Return the last event by place: "0" is a partition of user-events, other logs are named ("order-events/0")."""
    return {
        str(partition) if log == USER_EVENTS else f"{log}/{partition}": seq
        for log, through in model.trained_through.items()
        for partition, seq in through.seqs.items()
    }


def model_to_pb(model: ModelVersion, in_force: InForce | None) -> models_pb.Model:
    """Encode a version; ``promoted`` when its factor model fills personal slots now."""
    answers = in_force is not None and in_force.version == model.version
    message = models_pb.Model(
        version=model.version,
        promoted=answers and in_force is not None and in_force.ranker is Ranker.ALS,
        verdict=in_force.reason if answers and in_force is not None else model.verdict.words,
        trained_through=_trained_through(model),
        parameters={name: float(getattr(model.parameters, name)) for name in type(model.parameters).__slots__},
        engine=model.engine.value,
        blobs=dict(model.blobs),
        actor=model.actor,
        earned=model.verdict.earned,
    )
    message.verdict_words.by_language.update(verdict_words(model.windows))
    message.create_time.FromDatetime(model.create_time)
    for window in model.windows:
        result = message.windows.add(
            ndcg_at_10=window.ndcg_at_10,
            popularity_ndcg_at_10=window.popularity_ndcg_at_10,
            customers=window.customers,
            gain_low=window.gain_low,
            gain_high=window.gain_high,
            item_to_item_ndcg_at_10=window.item_to_item_ndcg_at_10,
        )
        result.start_time.FromDatetime(window.start_time)
    return message


def promotion_to_pb(promotion: Promotion) -> models_pb.Promotion:
    """Encode that a version was put in force."""
    message = models_pb.Promotion(
        number=promotion.number,
        version=promotion.in_force.version,
        ranker=promotion.in_force.ranker.value,
        reason=promotion.in_force.reason,
        actor=promotion.actor,
    )
    message.time.FromDatetime(promotion.time)
    return message


def reason_text(slot: Slot, shelf: Shelf, language: str) -> str:
    """Return why a product is shown, in words."""
    return sentence(slot.reason, language, title=_title(slot.reason, shelf, language))


def _title(reason: Reason, shelf: Shelf, language: str) -> str:
    """Return the title of the product that a reason names, its id where the shelf has none of that id."""
    product_id = reason.params.get(PRODUCT_PARAM)
    if product_id is None:
        return ""
    product = shelf.get(product_id)
    return product_id if product is None else product.title(language)


def _bound(field: str, values: Sequence[str], limit: int) -> None:
    if len(values) > limit:
        raise TooManyProductsError(f"{field} holds at most {limit} values", field=field, limit=limit)

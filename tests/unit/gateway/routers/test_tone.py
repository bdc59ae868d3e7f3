"""Tone models as an operator reaches them: trained on a file, shown with their cards, gone back to."""

from typing import Any

import pytest
from zhike.type.v1 import import_pb2

from gateway.principals import Role
from gateway.schemas.tone import ToneModel
from tests.fakes.gateway_alerts import NO_SUCH_ALERT
from tests.fakes.gateway_shop import Shop, problem_of

LINES = b'{"text": "\xe5\xa5\xbd", "label": 1}\n'
NDJSON = {"Content-Type": "application/x-ndjson"}


async def test_texts_are_streamed_to_a_training(shop: Shop) -> None:
    given = {"content": LINES, "params": {"dry_run": "true"}, "headers": {**NDJSON, "Idempotency-Key": "k"}}
    answer = await shop.post("/v1/tone-models:train", **given)
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/operations/{answer.json()['id']}"
    assert shop.services.uploads == [LINES]
    config = shop.services.last("TrainTone")
    assert (config.format, config.dry_run, config.owner != "") == (import_pb2.IMPORT_FORMAT_NDJSON, True, True)
    first = config.request_id
    await shop.post("/v1/tone-models:train", **given)
    assert shop.services.last("TrainTone").request_id == first


@pytest.mark.parametrize(("headers", "status"), [({"Content-Type": "text/csv"}, 415), ({}, 415)])
async def test_another_form_is_refused(shop: Shop, headers: dict[str, str], status: int) -> None:
    answer = await shop.post("/v1/tone-models:train", content=LINES, headers=headers)
    assert answer.status_code == status
    assert not shop.services.uploads


async def test_models_are_shown_with_their_cards(shop: Shop) -> None:
    answer = await shop.get("/v1/tone-models", Role.STAFF)
    (model,) = answer.json()["models"]
    assert set(model) == set(ToneModel.model_fields)
    assert (model["version"], model["in_force"], model["data"]) == ("tone-1", True, {"reviews.csv": 1_200})


@pytest.mark.parametrize("version", [NO_SUCH_ALERT, "x" * 65])
async def test_a_model_that_is_not_there_is_not_gone_back_to(shop: Shop, version: str) -> None:
    answer = await shop.post(f"/v1/tone-models/{version}:promote", json={})
    problem_of(answer, 404, "NOT_FOUND")


@pytest.mark.parametrize("body", [{"reason": "x"}, []])
async def test_going_back_takes_no_more_than_a_name(shop: Shop, body: Any) -> None:
    assert (await shop.post("/v1/tone-models/tone-1:promote", json={})).json()["version"] == "tone-1"
    assert (await shop.post("/v1/tone-models/tone-1:promote", json=body)).status_code == 400

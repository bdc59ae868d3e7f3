"""The process that scores writes what is wanted, and a task gives what serving would show."""

from pathlib import Path

import numpy as np
import orjson
import pytest

from services.recommendation.domain.model import Ranker
from services.recommendation.domain.prediction import Placement, Request
from services.recommendation.jobs import cluster
from services.recommendation.jobs.score import main
from services.recommendation.jobs.scorer import shop_identifiers
from services.recommendation.jobs.scoring import Scored, score_shard
from services.recommendation.store.blobs import encode_model
from services.recommendation.store.scores import ScoringSet, decode_shard, encode_scoring_set, scoring_rows
from services.recommendation.usecases.personal import recommend_for_you
from services.recommendation.usecases.taste import Profiles
from tests.unit.services.recommendation.shop import NOW_S, PERSONS, PRODUCTS, model_arrays, shop_world

COUNT = 4


def scoring_of(ranker: Ranker) -> ScoringSet:
    world = shop_world(ranker)
    assert world.model is not None
    places = world.model.places_of_ledger(world.ledger)
    starts, rows, _ = scoring_rows(world.ledger.snapshot(), np.arange(PERSONS, dtype=np.int32), places)
    sellable = np.ones(PRODUCTS, dtype=bool)
    return ScoringSet(starts=starts, sellable=sellable, version="m-1", ranker=ranker, now_s=NOW_S, count=COUNT, **rows)


@pytest.mark.parametrize("ranker", list(Ranker))
def test_a_list_is_what_serving_would_show(ranker: Ranker) -> None:
    world = shop_world(ranker)
    shard = score_shard(Scored(scoring_of(ranker), model_arrays()), range(PERSONS))
    assert world.model is not None
    for person in range(PERSONS):
        actors = world.ledger.actor_places([f"card:{person}"])
        request = Request(Placement.RECOMMENDED_FOR_YOU, identifiers=(), page_size=COUNT)
        shown = recommend_for_you(world, request, actors, profiles=Profiles(), now_s=NOW_S)
        own = [slot for slot in shown.slots if slot.source == shown.source]
        listed = [world.model.product_ids[place] for place in shard.places[person] if place >= 0]
        assert listed == [slot.product_id for slot in own]
        assert shard.scores[person, : len(own)].tolist() == pytest.approx([slot.score for slot in own])


def test_only_what_is_wanted_is_scored_and_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.npz").write_bytes(encode_model(model_arrays()))
    scoring = scoring_of(Ranker.ALS)
    for name, written in (("", []), ("wanted", ["wanted.npz"])):
        (tmp_path / "set.npz").write_bytes(encode_scoring_set(scoring, [name]))
        out = tmp_path / f"out-{name}"
        out.mkdir()
        arguments = ["--scoring-set", str(tmp_path / "set.npz"), "--model", str(tmp_path / "model.npz")]
        assert main([*arguments, "--out", str(out), "--engine", "local"]) == 0
        assert [each.name for each in out.iterdir()] == written
        lines = [orjson.loads(line) for line in capfd.readouterr().out.splitlines()]
        assert lines[-1] == {"result": {"shards": len(written)}}
        assert [line["shard"] for line in lines[:-1]] == [name for _ in written]
    assert decode_shard((out / "wanted.npz").read_bytes()).places.shape == (PERSONS, COUNT)


def test_a_cluster_that_is_not_there_ends_it_with_its_name(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "answers", lambda *_, **__: False)
    (tmp_path / "model.npz").write_bytes(encode_model(model_arrays()))
    (tmp_path / "set.npz").write_bytes(encode_scoring_set(scoring_of(Ranker.ALS), ["one"]))
    arguments = ["--scoring-set", str(tmp_path / "set.npz"), "--model", str(tmp_path / "model.npz")]
    arguments += ["--out", str(tmp_path), "--engine", "ray", "--ray-address", "nowhere.invalid:1"]
    assert main(arguments) == 4
    assert orjson.loads(capfd.readouterr().out)["error"]["reason"] == "RAY_UNREACHABLE"


def test_a_browser_is_nobody_to_a_mailing() -> None:
    assert shop_identifiers(("card:1", "visitor:v-1", "login:u")) == ["card:1", "login:u"]
    assert shop_identifiers(("visitor:v-1",)) == []

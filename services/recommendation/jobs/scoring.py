"""What batch scoring does, as tasks that any engine runs: what each person of a shard would be recommended.

A person's list is made by what answers a request (usecases/taste, usecases/personal), so that a mailing and the shop
agree: nothing that was bought, lies in the cart, or is sold out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from services.recommendation.jobs.engines import Engine, Task
from services.recommendation.store.blobs import ModelArrays
from services.recommendation.store.scores import NO_PLACE, ScoringSet, Shard
from services.recommendation.store.serving import ServingModel
from services.recommendation.usecases.carts import cart_acts
from services.recommendation.usecases.personal import offered_positions
from services.recommendation.usecases.taste import Profile


@dataclass(frozen=True, slots=True)
class Scored:
    """What every task of a scoring shares."""

    scoring: ScoringSet
    arrays: ModelArrays


def score_shards(scored: Scored, engine: Engine, wanted: list[range]) -> Iterator[tuple[int, Shard]]:
    """Yield (place in ``wanted``, shard) as they come."""
    yield from engine.each(scored, [Task(score_shard, persons) for persons in wanted])


def score_shard(shared: Scored, persons: range) -> Shard:
    """Return the lists of a shard's persons."""
    scoring = shared.scoring
    model = ServingModel(scoring.version, scoring.ranker, shared.arrays)
    sellable = frozenset(model.product_ids[place] for place in np.flatnonzero(scoring.sellable).tolist())
    places = np.full((len(persons), scoring.count), NO_PLACE, dtype=np.int32)
    scores = np.zeros((len(persons), scoring.count), dtype=np.float32)
    every_place = np.arange(len(model), dtype=np.int32)
    for row, person in enumerate(persons):
        history = scoring.history(person)
        profile = Profile(model, history, every_place, cart_acts(model.product_ids, history))
        if not len(profile.touched):
            continue
        in_cart = frozenset(line.product_id for line in profile.cart(scoring.now_s))
        positions = offered_positions(profile, sellable, in_cart, scoring.count)
        places[row, : len(positions)] = [profile.head.places[each] for each in positions]
        scores[row, : len(positions)] = [profile.head.scores[each] for each in positions]
    return Shard(places, scores)

"""What scoring every customer costs: ``python -m benchmarks.recommendation_scoring [--json]``.

The households of Complete Journey with the shipped parameters, 20 products each, by the local engine and on a Ray of
two workers in the same run (ray.init aside); ``equal`` compares the bytes of all shards. Needs ZHIKE_TEST_DATA and the
demo extra.
"""

import argparse
import json
import sys
import time
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.recommendation_journey import read_journey
from services.recommendation.domain.interactions import Interactions
from services.recommendation.domain.model import Ranker
from services.recommendation.domain.parameters import SHIPPED
from services.recommendation.jobs.engines import Engine, LocalEngine, RayEngine
from services.recommendation.jobs.scoring import Scored, score_shards
from services.recommendation.jobs.training import fit_factors, fit_histories, fit_neighbours, fit_together
from services.recommendation.store.blobs import ModelArrays
from services.recommendation.store.scores import ScoringSet, encode_shard

RAY_WORKERS = 2
COUNT = 20


def scored_of(rows: Interactions) -> Scored:
    """Train, and put every household's rows down as the service does."""
    anchor_s = int(rows.time_s.max()) + 1
    near_places, near_cosines = fit_neighbours(rows, None)
    popularity, intervals = fit_histories(rows, anchor_s)
    arrays = ModelArrays(
        product_ids=tuple(f"p{place}" for place in range(rows.items)),
        parameters=SHIPPED,
        anchor_s=anchor_s,
        factors=fit_factors(rows, (SHIPPED, anchor_s)),
        near_places=near_places,
        near_cosines=near_cosines,
        together=fit_together(rows, None),
        popularity=popularity,
        intervals=intervals,
    )
    known = rows.where(rows.person >= 0)
    order = np.argsort(known.person, kind="stable")
    _, counts = np.unique(known.person, return_counts=True)
    scoring = ScoringSet(
        starts=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        item=known.item[order],
        time_s=known.time_s[order],
        kind=known.kind[order],
        quantity=known.quantity[order],
        flags=np.zeros(len(order), dtype=np.uint8),
        sellable=np.ones(rows.items, dtype=bool),
        version="m-benchmark",
        ranker=Ranker.ALS,
        now_s=anchor_s,
        count=COUNT,
    )
    return Scored(scoring, arrays)


def timed(scored: Scored, engine: Engine) -> tuple[float, list[bytes]]:
    """Return the seconds of a scoring and its shards."""
    wanted = scored.scoring.shards()
    with engine:
        begun = time.perf_counter()
        found = dict(score_shards(scored, engine, wanted))
        took_s = time.perf_counter() - begun
    return took_s, [encode_shard(found[place]) for place in range(len(wanted))]


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.recommendation_scoring", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print nothing but one JSON object")
    options = parser.parse_args()
    rows = read_journey()
    if rows is None:
        print(json.dumps({"scoring": None}))
        return 1
    scored = scored_of(rows)
    local_s, local = timed(scored, LocalEngine())
    ray_s, ray = timed(scored, RayEngine(workers=RAY_WORKERS))
    results: dict[str, Any] = {
        "customers": scored.scoring.persons,
        "products": rows.items,
        "shards": len(local),
        "local_s": round(local_s, 2),
        "ray_s": round(ray_s, 2),
        "customers_per_s_local": round(scored.scoring.persons / local_s),
        "equal": local == ray,
    }
    if not options.json:
        print(json.dumps(results, indent=2))
    print(json.dumps(results))
    return 0 if results["equal"] else 1


if __name__ == "__main__":
    with threadpool_limits(limits=1, user_api="blas"):
        sys.exit(main())

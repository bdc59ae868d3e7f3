"""The process that scores: ``python -m services.recommendation.jobs.score --scoring-set F --model F --out FOLDER``.

Writes each wanted shard to ``FOLDER/<name>.npz`` and says so, ``{"shard": name, "stage", "done", "total"}``; last
``{"result": {…}}`` or ``{"error": {…}}``. It ends when the process that started it ends.
"""

import argparse
import os
import sys
from pathlib import Path

from services.chassis.errors import ZhikeError
from services.recommendation.domain.model import EngineName
from services.recommendation.jobs.engines import open_engine
from services.recommendation.jobs.scoring import Scored, score_shards
from services.recommendation.jobs.told import EXIT_REFUSED, NICENESS, follow_parent, say, say_error, watched
from services.recommendation.store.blobs import decode_model
from services.recommendation.store.scores import decode_scoring_set, encode_shard

SHARD_SUFFIX = ".npz"


def main(arguments: list[str] | None = None) -> int:
    """Score what is wanted; 0, or 4 after an ``error`` line."""
    options = _parser().parse_args(arguments)
    scoring, names = decode_scoring_set(options.scoring_set.read_bytes())
    scored = Scored(scoring, decode_model(options.model.read_bytes()))
    wanted = [(name, persons) for name, persons in zip(names, scoring.shards(), strict=True) if name]
    try:
        with (
            open_engine(EngineName(options.engine), workers=options.workers, address=options.ray_address) as engine,
            watched(options.engine, options.ray_address),
        ):
            found = score_shards(scored, engine, [persons for _, persons in wanted])
            for done, (place, shard) in enumerate(found, 1):
                name = wanted[place][0]
                (options.out / f"{name}{SHARD_SUFFIX}").write_bytes(encode_shard(shard))
                say({"shard": name, "stage": "score", "done": done, "total": len(wanted)})
    except ZhikeError as error:
        say_error(error)
        return EXIT_REFUSED
    say({"result": {"shards": len(wanted)}})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="services.recommendation.jobs.score")
    parser.add_argument("--scoring-set", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--engine", choices=[each.value for each in EngineName], default=EngineName.RAY.value)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ray-address", default="")
    return parser


if __name__ == "__main__":
    follow_parent()
    os.nice(NICENESS)
    sys.exit(main())

"""The trainer process: ``python -m services.recommendation.jobs.train --training-set FILE --out FOLDER``.

Reads a training set, trains, judges, writes the arrays to ``FOLDER/model.npz`` and exits. Says how far it is as JSON
lines on standard output: ``{"stage", "done", "total"}``, last ``{"result": {…}}`` or ``{"error": {…}}``. It promotes
nothing: only the service does. It ends when the process that started it ends.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from services.chassis.errors import ZhikeError
from services.recommendation.domain.model import EngineName
from services.recommendation.jobs.engines import open_engine
from services.recommendation.jobs.told import EXIT_REFUSED, NICENESS, follow_parent, say, say_error, watched
from services.recommendation.jobs.training import Trained, train
from services.recommendation.store.blobs import ModelArrays, decode_training_set, encode_model
from services.recommendation.store.models import window_to_body

MODEL_FILE = "model.npz"


def main(arguments: list[str] | None = None) -> int:
    """Run one training; 0, or 4 after an ``error`` line."""
    options = _parser().parse_args(arguments)
    rows, product_ids = decode_training_set(options.training_set.read_bytes())
    try:
        with (
            open_engine(EngineName(options.engine), workers=options.workers, address=options.ray_address) as engine,
            watched(options.engine, options.ray_address),
        ):
            trained = train(rows, engine, with_sweep=options.sweep, report=_report)
    except ZhikeError as error:
        say_error(error)
        return EXIT_REFUSED
    path = options.out / MODEL_FILE
    path.write_bytes(encode_model(_arrays(trained, product_ids)))
    say({"result": _result(trained)})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="services.recommendation.jobs.train")
    parser.add_argument("--training-set", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--engine", choices=[each.value for each in EngineName], default=EngineName.RAY.value)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ray-address", default="")
    parser.add_argument("--sweep", action="store_true")
    return parser


def _arrays(trained: Trained, product_ids: tuple[str, ...]) -> ModelArrays:
    return ModelArrays(
        product_ids=product_ids,
        parameters=trained.parameters,
        anchor_s=trained.anchor_s,
        factors=trained.factors,
        near_places=trained.neighbours[0],
        near_cosines=trained.neighbours[1],
        together=trained.together,
        popularity=trained.popularity,
        intervals=trained.intervals,
    )


def _result(trained: Trained) -> dict[str, Any]:
    return {
        "file": MODEL_FILE,
        "parameters": {name: getattr(trained.parameters, name) for name in type(trained.parameters).__slots__},
        "windows": [window_to_body(window) for window in trained.windows],
        "earned": trained.verdict.earned,
        "verdict": trained.verdict.words,
        "anchor_s": trained.anchor_s,
    }


def _report(stage: str, done: int, total: int) -> None:
    say({"stage": stage, "done": done, "total": total})


if __name__ == "__main__":
    follow_parent()
    os.nice(NICENESS)
    sys.exit(main())

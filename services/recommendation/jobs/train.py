"""The trainer process: ``python -m services.recommendation.jobs.train --training-set FILE --out FOLDER``.

Reads a training set, trains, judges, writes the arrays to ``FOLDER/model.npz`` and exits. Says how far it is as JSON
lines on standard output: ``{"stage", "done", "total"}``, last ``{"result": {…}}`` or ``{"error": {…}}``. It promotes
nothing: only the service does. It ends when the process that started it ends.
"""

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import orjson

from services.chassis.errors import ZhikeError
from services.recommendation.domain.model import EngineName
from services.recommendation.jobs.engines import open_engine
from services.recommendation.jobs.training import Trained, train
from services.recommendation.store.blobs import ModelArrays, decode_training_set, encode_model
from services.recommendation.store.models import window_to_body

NICENESS = 10  # serving goes first
PARENT_CHECK_INTERVAL_S = 0.5
MODEL_FILE = "model.npz"
EXIT_REFUSED = 4


def main(arguments: list[str] | None = None) -> int:
    """Run one training; 0, or 4 after an ``error`` line."""
    options = _parser().parse_args(arguments)
    rows, product_ids = decode_training_set(options.training_set.read_bytes())
    try:
        with open_engine(EngineName(options.engine), workers=options.workers, address=options.ray_address) as engine:
            trained = train(rows, engine, with_sweep=options.sweep, report=_report)
    except ZhikeError as error:
        _say({"error": {"reason": error.reason, "message": error.message}})
        return EXIT_REFUSED
    path = options.out / MODEL_FILE
    path.write_bytes(encode_model(_arrays(trained, product_ids)))
    _say({"result": _result(trained)})
    return 0


def follow_parent() -> None:
    """End this process and its children when whoever started it is gone: an orphan would train for nobody."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_INTERVAL_S)
        os.killpg(os.getpgrp(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()


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
    _say({"stage": stage, "done": done, "total": total})


def _say(line: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    follow_parent()
    os.nice(NICENESS)
    sys.exit(main())

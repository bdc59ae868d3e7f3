"""The program that trains a tone model: ``python -m services.reputation.jobs.train_tone --data FILE --out FILE``.

Reads labelled texts (NDJSON: text, label, data), judges a model on texts that it did not see, trains one on all of
them, writes it down and exits. Says how far it is as JSON lines on standard output: ``{"stage", "done", "total"}``,
``{"rejected": {…}}`` for each row that trains nothing, last ``{"result": {…}}`` or ``{"error": {…}}``. It promotes
nothing: only the service does. It ends when the process that started it ends.
"""

import argparse
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from services.chassis.errors import ZhikeError
from services.kits.rows.bad_row import BadRow
from services.kits.rows.json_rows import json_lines, json_object
from services.reputation.domain.errors import ToneDataError
from services.reputation.domain.tone import NEGATIVE, POSITIVE, UNSURE_BELOW, ModelCard
from services.reputation.domain.tone_data import TEXTS_LIMIT, LabelledText, RefusedText, read_labelled
from services.reputation.jobs.tone_training import (
    FOLDS,
    LabelledTexts,
    fit_tone,
    held_out,
    labelled_texts,
    quality_of,
)
from services.reputation.store.tone_models import encode_tone_model

NICENESS: Final = 10  # serving goes first
EXIT_REFUSED: Final = 4
PARENT_CHECK_INTERVAL_S: Final = 0.5
STEPS: Final = 2 * FOLDS + 2


def main(arguments: list[str] | None = None) -> int:
    """Run one training; 0, or 4 after an ``error`` line."""
    parser = argparse.ArgumentParser(prog="services.reputation.jobs.train_tone")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        kept = read_texts(options.data)
        texts = labelled_texts([each.text for each in kept], [each.positive for each in kept])
        say({"stage": "read", "done": 1, "total": STEPS})
        probabilities = held_out(texts, lambda stage, done, _: _step(stage, 1 + done))
        model = fit_tone(texts, lambda stage, done, _: _step(stage, 1 + FOLDS + done))
    except ZhikeError as error:
        say({"error": {"reason": error.reason, "message": error.message, "metadata": error.metadata}})
        return EXIT_REFUSED
    options.out.write_bytes(encode_tone_model(model))
    say({"result": asdict(card_of(kept, texts, probabilities, features=int(np.count_nonzero(model.squares))))})
    return 0


def read_texts(path: Path) -> list[LabelledText]:
    """Return the texts of a file, and tell of the rows that are none. Raises ToneDataError past TEXTS_LIMIT."""
    kept: list[LabelledText] = []
    with path.open("rb") as file:
        for number, line in enumerate(json_lines(file), 1):
            row = json_object(line)
            if isinstance(row, BadRow):
                _reject(number, RefusedText(row.reason, row.message, "row"), row.raw)
                continue
            read = read_labelled(row)
            if isinstance(read, RefusedText):
                _reject(number, read, row)
                continue
            kept.append(read)
            if len(kept) > TEXTS_LIMIT:
                raise ToneDataError(f"more than {TEXTS_LIMIT} texts", limit=TEXTS_LIMIT)
    return kept


def card_of(
    kept: Iterable[LabelledText],
    texts: LabelledTexts,
    probabilities: Any,
    *,
    features: int,
) -> ModelCard:
    """Return the card of a model."""
    kept = list(kept)
    quality = quality_of(probabilities, texts.positive, unsure_below=UNSURE_BELOW)
    positive = int(texts.positive.sum())
    digest = sha256()
    for each in kept:
        digest.update(orjson.dumps([each.text.encode("utf-8", "replace").decode(), each.positive]))
    return ModelCard(
        data=dict(Counter(each.data for each in kept)),
        data_digest=digest.hexdigest(),
        texts=len(texts),
        copies=len(texts) - len(set(texts.keys)),
        by_label={POSITIVE: positive, NEGATIVE: len(texts) - positive},
        by_language=dict(Counter(str(language) for language in texts.languages)),
        accuracy=round(quality.accuracy, 4),
        majority=round(max(positive, len(texts) - positive) / len(texts), 4),
        calibration_error=round(quality.calibration_error, 4),
        accuracy_at_80=round(quality.accuracy_at_coverage, 4),
        decided=round(quality.decided, 4),
        decided_accuracy=round(quality.decided_accuracy, 4),
        features=features,
    )


def follow_parent() -> None:
    """End this process when whoever started it is gone: an orphan would train for nobody."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_INTERVAL_S)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def say(line: dict[str, Any]) -> None:
    """Tell one line."""
    sys.stdout.buffer.write(orjson.dumps(line) + b"\n")
    sys.stdout.buffer.flush()


def _step(stage: str, done: int) -> None:
    say({"stage": stage, "done": done, "total": STEPS})


def _reject(number: int, refused: RefusedText, raw: Any) -> None:
    said = {"row": number, "reason": refused.reason, "message": refused.message, "field": refused.field, "raw": raw}
    say({"rejected": said})


if __name__ == "__main__":
    follow_parent()
    os.nice(NICENESS)
    sys.exit(main())

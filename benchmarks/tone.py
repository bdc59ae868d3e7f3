"""How well tone is told, and what hearing a mention costs: ``python -m benchmarks.tone [--json]``.

- waimai_10k, online_shopping_10_cats: five folds of public Chinese reviews (ZHIKE_TEST_DATA), copies kept within one
  fold; each fold is judged by a model of the other four, calibrated inside them. accuracy, expected_calibration_error
  (15 bins of equal width), accuracy_at_80: of the four fifths that the model is most sure of; decided and
  decided_accuracy: outside the band in which it says "unsure"; majority: what always saying the same would reach.
- us_per_text: mean CPU of telling tone and of telling the aspect of one review, on one core.

``--choose`` searches the regularization again: on the training part of the first fold alone, split once more.
"""

import argparse
import csv
import io
import json
import os
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from services.reputation.domain.aspects import aspect_of
from services.reputation.domain.tone import UNSURE_BELOW
from services.reputation.jobs.tone_training import (
    LabelledTexts,
    fit_tone,
    held_out,
    labelled_texts,
    probabilities_of,
    quality_of,
)

TIMED_TEXTS = 5_000
CHOICES = (0.1, 0.2, 0.3, 0.5, 1.0)
INNER_SPLIT = b"choose"
SETS = ("waimai_10k", "online_shopping_10_cats")

Reviews = tuple[list[str], list[bool]]


def data_folder() -> Path | None:
    """Return the folder of the reviews, None where the data sets are not here."""
    path = Path(os.environ.get("ZHIKE_TEST_DATA", "")) / "sentiment"
    return path if path.is_dir() else None


def read_reviews(folder: Path, name: str) -> Reviews:
    """Return texts and whether each is positive, every row as it comes."""
    if name == "waimai_10k":
        content = (folder / "waimai_10k.csv").read_bytes()
    else:
        with zipfile.ZipFile(folder / "online_shopping_10_cats.zip") as packed:
            content = packed.read("online_shopping_10_cats.csv")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    return [row["review"].strip() for row in rows], [row["label"] == "1" for row in rows]


def figures_of(texts: LabelledTexts) -> dict[str, Any]:
    begun = time.process_time()
    quality = quality_of(held_out(texts), texts.positive, unsure_below=UNSURE_BELOW)
    positive = float(texts.positive.mean())
    return {
        "accuracy": round(quality.accuracy, 4),
        "expected_calibration_error": round(quality.calibration_error, 4),
        "accuracy_at_80": round(quality.accuracy_at_coverage, 4),
        "decided": round(quality.decided, 4),
        "decided_accuracy": round(quality.decided_accuracy, 4),
        "majority": round(max(positive, 1.0 - positive), 4),
        "texts": len(texts),
        "copies": len(texts) - len(set(texts.keys)),
        "cpu_s": round(time.process_time() - begun, 1),
    }


def us_per_text(reviews: Reviews, texts: LabelledTexts) -> dict[str, float]:
    model, sample = fit_tone(texts), reviews[0][:TIMED_TEXTS]
    costs = {}
    for name, judge in (("tone", lambda text: model.judge(text, "zh")), ("aspect", aspect_of)):
        begun = time.process_time()
        for text in sample:
            judge(text)
        costs[name] = round((time.process_time() - begun) / len(sample) * 1e6, 1)
    return costs


def choose(texts: LabelledTexts) -> dict[str, float]:
    """Return the accuracy of each choice on the inner split; the first fold, which judges, is never looked at."""
    training = texts.where(texts.folds() != 0)
    inner = training.folds(split=INNER_SPLIT)
    judged = np.flatnonzero(inner == 0)
    found = {}
    for choice in CHOICES:
        model = fit_tone(training.where(inner != 0), regularization=choice)
        probabilities = probabilities_of(model, training.features[judged])
        accuracy = ((probabilities >= 0.5) == training.positive[judged]).mean()
        found[str(choice)] = round(float(accuracy), 4)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one line of JSON, last")
    parser.add_argument("--choose", action="store_true", help="search the regularization again, print nothing else")
    arguments = parser.parse_args()
    folder = data_folder()
    if folder is None:
        print("the reviews are not here: set ZHIKE_TEST_DATA", file=sys.stderr)
        print(json.dumps(dict.fromkeys(SETS)))
        return 1
    figures: dict[str, Any] = {}
    for name in SETS:
        reviews = read_reviews(folder, name)
        texts = labelled_texts(*reviews)
        figures[name] = choose(texts) if arguments.choose else figures_of(texts)
        if not arguments.choose:
            figures[name]["us_per_text"] = us_per_text(reviews, texts)
    print(json.dumps(figures) if arguments.json else json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

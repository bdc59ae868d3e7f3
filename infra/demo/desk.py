"""Simulates what customers bring to the service desk: some dozens of cases of the last weeks, and calls for today.

Customers and orders are those of the demo; every word is invented and labelled so (desk_words.toml). Chance is a passed
generator; the same seed says the same. The steps are those of ``POST /v1/cases`` and its verbs, dated back from now.
"""

import csv
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from infra.demo.files import DemoFiles
from infra.demo.mentions import LABELS

CASES: Final = 48
DAYS: Final = 28
CALLS_TODAY: Final = 8
DESK_SEED: Final = 24
CUSTOMERS_READ: Final = 40
PRODUCTS_READ: Final = 200
CHANNELS: Final = ("web", "app", "phone", "store")
OPEN_SHARE: Final = 0.25  # of the cases that nobody has answered yet, the latest ones
WAITING_HOURS: Final = 40.0  # since the oldest of them came
CLOSED_SHARE: Final = 0.7  # of those that were answered
LATE_SHARE: Final = 0.12  # of the answers


@dataclass(frozen=True, slots=True)
class DemoCase:
    """A case to open, and what happens to it: (verb, body) in order."""

    opening: dict[str, Any]
    steps: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


def demo_cases(
    customers: Sequence[str], products: Sequence[dict[str, Any]], rng: np.random.Generator, *, now: datetime
) -> Iterator[DemoCase]:
    """Yield the cases, oldest first. ``customers``: identifiers; ``products``: {"id", "title": {"zh", "en"}}."""
    if not customers or not products:
        return
    waiting = round(CASES * OPEN_SHARE)
    done = rng.uniform(WAITING_HOURS, DAYS * 24, CASES - waiting)
    back = sorted((float(each) for each in (*done, *rng.uniform(0.2, WAITING_HOURS, waiting))), reverse=True)
    for place, hours in enumerate(back):
        said = _words()[int(rng.integers(len(_words())))]
        product = products[int(rng.integers(len(products)))]
        language = "zh" if rng.random() < 0.6 else "en"
        time = now - timedelta(hours=hours)
        text = said[language].replace("{product}", product["title"].get(language, product["id"])) + LABELS[language]
        opening = {
            "kind": said["kind"],
            "customer": customers[int(rng.integers(len(customers)))],
            "channel": CHANNELS[int(rng.integers(len(CHANNELS)))],
            "product_id": product["id"],
            "text": text,
            "time": _text(time),
            "request_id": f"demo-case-{place}",
        }
        yield DemoCase(opening, [] if place >= CASES - waiting else _steps(said, language, time, now, place, rng))


def _steps(
    said: dict[str, str], language: str, opened: datetime, now: datetime, place: int, rng: np.random.Generator
) -> list[tuple[str, dict[str, Any]]]:
    hours = float(rng.uniform(60, 110)) if rng.random() < LATE_SHARE else float(rng.uniform(0.5, 20))
    answered = min(opened + timedelta(hours=hours), now - timedelta(minutes=30))
    answered = max(answered, opened + timedelta(minutes=5))
    steps: list[tuple[str, dict[str, Any]]] = [
        ("reply", {"text": said[f"reply_{language}"] + LABELS[language], "time": _text(answered)}),
    ]
    closed = answered + timedelta(hours=float(rng.uniform(1, 30)))
    if closed < now and rng.random() < CLOSED_SHARE:
        steps.append(("close", {"cause": said["cause"] or None, "text": "", "time": _text(closed)}))
    return [(verb, {**body, "request_id": f"demo-case-{place}-{verb}"}) for verb, body in steps]


def _text(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


def desk_people(files: DemoFiles) -> tuple[list[str], list[dict[str, Any]]]:
    """Return who brings cases (cards of the demo's first customers) and about which products."""
    with files.customers.open(encoding="utf-8", newline="") as lines:
        rows = list(islice(csv.DictReader(lines), CUSTOMERS_READ))
    with files.products.open("rb") as lines_of_products:
        products = [orjson.loads(line) for line in islice(lines_of_products, PRODUCTS_READ)]
    return [f"card:{row['card']}" for row in rows], [{"id": each["id"], "title": each["title"]} for each in products]


@cache
def _words() -> list[dict[str, str]]:
    table = tomllib.loads(Path(__file__).with_name("desk_words.toml").read_text(encoding="utf-8"))
    cases: list[dict[str, str]] = table["cases"]
    return cases

"""Simulates what the public says of a shop: two weeks of mentions and reviews, and one bad quarter of an hour.

All of it is invented and says so: sources and authors are called simulated, and every text ends with a label. The words
are our own (mention_words.toml). Chance is a passed generator; the same seed says the same. The forms are those of
``POST /v1/mentions``. Stars stand on the reviews alone, as they do in life; what others mean, a tone model must tell.
"""

import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from infra.demo.talk import DemoBrand, Talk

DAYS: Final = 14
PER_DAY: Final = 72  # mentions of all brands
BURST: Final = 36  # mentions of the bad quarter of an hour
BURST_REVIEWS: Final = 0.7  # share of them that are reviews of one star
BUCKET: Final = timedelta(minutes=5)
WINDOW: Final = 3 * BUCKET
CHINESE: Final = 0.55
LABELS: Final = {"zh": "【模拟】", "en": " [simulated]"}
AUTHORS: Final = 4_000
REVIEWS: Final = "reviews"
# Where things are said: source, share, tier, and the median reach of one mention (0: the source does not say).
SOURCES: Final = (
    ("simulated-forum", 0.44, 3, 0),
    ("simulated-posts", 0.32, 3, 400),
    ("simulated-news", 0.04, 2, 20_000),
    (REVIEWS, 0.20, 3, 0),
)
TONES: Final = (("positive", 0.46), ("neutral", 0.36), ("negative", 0.18))
STARS: Final = {"positive": (4, 5), "neutral": (3, 3), "negative": (1, 2)}
# How much is said in each hour of the shop's day, relative to the others.
HOURS: Final = (2, 1, 1, 1, 1, 2, 4, 7, 9, 9, 9, 10, 12, 10, 8, 8, 9, 10, 12, 14, 15, 13, 8, 4)

Language = Literal["zh", "en"]
_LANGUAGES: Final[tuple[Language, Language]] = ("zh", "en")


def usual_mentions(
    talk: Talk, rng: np.random.Generator, *, end_time: datetime, per_day: float = PER_DAY
) -> Iterator[dict[str, Any]]:
    """Yield DAYS days of talk up to ``end_time`` (aware), oldest first. ``HOURS`` are hours of its time zone."""
    start = end_time - timedelta(days=DAYS)
    usual = np.asarray(HOURS, dtype=np.float64) / sum(HOURS)
    place = 0
    for hour in range(DAYS * 24):
        begin = start + timedelta(hours=hour)
        said = int(rng.poisson(per_day * usual[begin.hour]))
        for second in sorted(float(each) for each in rng.uniform(0, 3_600, said)):
            yield _mention(talk, rng, place, begin + timedelta(seconds=second))
            place += 1


def burst_mentions(talk: Talk, rng: np.random.Generator, *, now: datetime, count: int = BURST) -> list[dict[str, Any]]:
    """Return the bad quarter of an hour of the first brand: it ends with the last closed bucket before ``now``."""
    end = last_closed(now)
    seconds = sorted(float(each) for each in rng.triangular(0, WINDOW.total_seconds(), WINDOW.total_seconds(), count))
    found = []
    for place, second in enumerate(seconds):
        time = min(end - WINDOW + timedelta(seconds=second), end - timedelta(seconds=1))
        language = _LANGUAGES[int(rng.random() >= CHINESE)]
        is_review = rng.random() < BURST_REVIEWS
        found.append(
            {
                **_said(talk, rng, f"burst-{place}", time),
                "source": REVIEWS if is_review else "simulated-posts",
                "text": _text(rng, language, _words()["burst"], talk.brands[0]),
                "reach": int(rng.lognormal(np.log(900), 1.0)),
                **({"rating": 1} if is_review else {}),
            }
        )
    return found


def chance(seed: int) -> np.random.Generator:
    """Return a generator of chance."""
    return np.random.default_rng(seed)


def last_closed(now: datetime) -> datetime:
    """Return the end of the last bucket that is closed."""
    seconds = int(now.timestamp()) // int(BUCKET.total_seconds()) * int(BUCKET.total_seconds())
    return datetime.fromtimestamp(seconds, UTC)


def _mention(talk: Talk, rng: np.random.Generator, place: int, time: datetime) -> dict[str, Any]:
    weights = np.asarray([brand.weight for brand in talk.brands])
    brand = talk.brands[int(rng.choice(len(talk.brands), p=weights / weights.sum()))]
    source, _, tier, reach = SOURCES[int(rng.choice(len(SOURCES), p=[each[1] for each in SOURCES]))]
    tone = TONES[int(rng.choice(len(TONES), p=[each[1] for each in TONES]))][0]
    language = _LANGUAGES[int(rng.random() >= CHINESE)]
    statements = [each for each in _words()["statements"] if each["tone"] == tone]
    mention = {
        **_said(talk, rng, str(place), time),
        "source": source,
        "tier": tier,
        "text": _text(rng, language, statements, brand),
    }
    if reach:
        mention["reach"] = int(rng.lognormal(np.log(reach), 0.8))
    if source == REVIEWS:
        worst, best = STARS[tone]
        mention["rating"] = int(rng.integers(worst, best + 1))
        if brand.products:
            mention["product_id"] = brand.products[int(rng.integers(len(brand.products)))]
    return mention


def _said(talk: Talk, rng: np.random.Generator, name: str, time: datetime) -> dict[str, Any]:
    return {
        "id": f"{talk.prefix}-{name}",
        "shop": talk.shop,
        "author": f"simulated-{int(rng.integers(AUTHORS))}",
        "published": time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


def _text(rng: np.random.Generator, language: Language, statements: Sequence[dict[str, str]], brand: DemoBrand) -> str:
    words = _words()
    opening, closing = (
        words[part][language][int(rng.integers(len(words[part][language])))] for part in ("openings", "closings")
    )
    statement = statements[int(rng.integers(len(statements)))][language]
    name = brand.zh if language == "zh" else brand.en
    return f"{opening}{statement.replace('{brand}', name)}{closing}{LABELS[language]}"


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("mention_words.toml").read_text(encoding="utf-8"))

"""Simulated mentions: seeded, labelled, in the forms that the API takes, loud by the hour, and one bad quarter."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gateway.schemas.pr import BrandRequest, NewMention
from infra.demo.mentions import (
    BUCKET,
    BURST,
    DAYS,
    LABELS,
    PER_DAY,
    SOURCES,
    WINDOW,
    burst_mentions,
    last_closed,
    usual_mentions,
)
from infra.demo.products import CatalogItem
from infra.demo.talk import MARKET, DemoBrand, Talk, demo_talk, talk_from_json, talk_to_json
from services.reputation.domain.bursts import BUCKET_S, WINDOW_BUCKETS
from services.reputation.domain.counters import NEGATIVE
from services.reputation.domain.hearing import tone_of_rating

NEW_YORK = ZoneInfo("America/New_York")
END = datetime(2026, 11, 23, 18, 40, tzinfo=NEW_YORK)
OWN = DemoBrand("own", "知客优选", "Zhike Select", products=("p1", "p2"))
TALK = Talk("demo", "t", (OWN, DemoBrand("rival", "瓦亚石", "Valastone", kind="rival", weight=0.3)))


def usual(seed: int = 7) -> list[dict[str, Any]]:
    return list(usual_mentions(TALK, np.random.default_rng(seed), end_time=END))


def burst(seed: int = 7, now: datetime = END) -> list[dict[str, Any]]:
    return burst_mentions(TALK, np.random.default_rng(seed), now=now)


def _time(mention: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(mention["published"])


def test_the_same_seed_says_the_same_and_another_something_else() -> None:
    assert usual() == usual()
    assert usual(8) != usual()
    assert burst() == burst()


def test_they_are_what_the_api_takes_each_with_an_id_of_its_own() -> None:
    said = [*usual(), *burst()]
    for mention in said:
        NewMention.model_validate(mention)
    assert len({mention["id"] for mention in said}) == len(said)
    for brand in TALK.brands:
        BrandRequest.model_validate(brand.form)


def test_all_of_it_says_that_it_is_simulated() -> None:
    for mention in (*usual(), *burst()):
        assert mention["text"].endswith(tuple(LABELS.values()))
        assert mention["author"].startswith("simulated-")
        assert mention["source"].startswith(("simulated-", "reviews"))


def test_two_weeks_are_said_in_order_in_both_languages_of_every_brand_and_source() -> None:
    said = usual()
    times = [_time(mention) for mention in said]
    assert all(one <= other for one, other in pairwise(times))
    assert END - timedelta(days=DAYS) <= times[0] < times[-1] < END
    assert times[0] - (END - timedelta(days=DAYS)) < timedelta(hours=12)
    assert 0.8 < len(said) / (DAYS * PER_DAY) < 1.2
    assert {mention["source"] for mention in said} == {name for name, *_ in SOURCES}
    for word in (OWN.zh, OWN.en, "瓦亚石", "Valastone"):
        assert any(word in mention["text"] for mention in said)


def test_more_is_said_in_the_evening_than_at_night() -> None:
    hours = Counter(_time(mention).astimezone(NEW_YORK).hour for mention in usual())
    assert sum(hours[hour] for hour in (19, 20, 21)) > 4 * sum(hours[hour] for hour in (2, 3, 4))


def test_stars_stand_on_reviews_alone_and_say_good_middling_and_bad() -> None:
    said = usual()
    assert {mention["source"] for mention in said if "rating" in mention} == {"reviews"}
    tones = Counter(tone_of_rating(mention["rating"]) for mention in said if "rating" in mention)
    assert set(tones) == {"positive", "neutral", "negative"}
    assert tones["positive"] > tones["negative"]
    assert {mention.get("product_id", "") for mention in said} >= {"p1", "p2"}


@pytest.mark.parametrize("second", [0, 1, 299])
def test_a_burst_ends_in_the_last_closed_bucket_and_is_bad(second: int) -> None:
    now = datetime(2026, 11, 23, 18, 40, second % 60, tzinfo=UTC) + timedelta(seconds=second - second % 60)
    said = burst(now=now)
    end = last_closed(now)
    assert (end.timestamp() % BUCKET_S, BUCKET.total_seconds(), WINDOW // BUCKET) == (0, BUCKET_S, WINDOW_BUCKETS)
    assert timedelta(0) <= now - end < BUCKET
    assert len(said) == BURST
    assert all(end - WINDOW <= _time(mention) < end for mention in said)
    assert any(_time(mention) >= end - BUCKET for mention in said)
    bad = [mention for mention in said if "rating" in mention and tone_of_rating(mention["rating"]) == NEGATIVE]
    assert len(bad) > BURST / 2
    assert not [mention for mention in said if "product_id" in mention]


def test_the_demo_speaks_of_its_shop_its_label_and_its_makers(tiny_items: list[CatalogItem]) -> None:
    talk = demo_talk(tiny_items, "demo")
    assert talk.brands[0].en == "Zhike Select"
    assert MARKET in talk.brands
    assert {brand.kind for brand in talk.brands[2:]} <= {"rival"}
    assert len({brand.id for brand in talk.brands}) == len(talk.brands)
    assert talk_from_json(talk_to_json(talk)) == talk

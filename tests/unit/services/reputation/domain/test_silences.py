"""A silence has a reason and an end, and covers what its labels say; a brand's alert inhibits its products'."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.reputation.domain import silences as limits
from services.reputation.domain.alert_steps import acknowledge, resolve
from services.reputation.domain.errors import SilenceInvalidError
from services.reputation.domain.escalation import Suppression
from services.reputation.domain.levels import Level
from services.reputation.domain.silences import Matcher, Silence, checked_silence, expired, suppression_of
from tests.strategies.alerts import BRAND, OTHER, PRODUCT, START
from tests.unit.services.reputation.domain.alert_builders import after, raised

SILENCE = Silence("s1", (Matcher("brand", "acme"),), "launch day", "li", START, START + timedelta(hours=2))


@pytest.mark.parametrize(
    ("matchers", "covers"),
    [
        ((Matcher("brand", "acme"),), True),
        ((Matcher("brand", "acme"), Matcher("shop", "other")), False),
        ((Matcher("shop", "main"), Matcher("kind", "product", is_equal=False)), True),
        ((Matcher("shop", "main"), Matcher("kind", "brand", is_equal=False)), False),
        ((Matcher("level", "III"),), True),
        ((Matcher("shop", "main"), Matcher("level", "III", is_equal=False)), False),
        ((Matcher("alertname", "MentionBurst"),), True),
        ((Matcher("subject", "acm"),), False),
    ],
)
def test_a_silence_covers_what_its_labels_say(matchers: tuple[Matcher, ...], covers: bool) -> None:
    assert replace(SILENCE, matchers=matchers).matches(raised(Level.III)) is covers


def test_a_brands_silence_covers_its_products() -> None:
    assert SILENCE.matches(raised(group=PRODUCT))
    assert not SILENCE.matches(raised(group=OTHER))


def test_a_silence_is_in_force_from_its_beginning_to_before_its_end() -> None:
    assert SILENCE.is_active(START)
    assert SILENCE.is_active(after(119.9))
    assert not SILENCE.is_active(after(120))
    assert suppression_of(raised(), [SILENCE], [], after(1)) == Suppression("silence:s1")
    assert suppression_of(raised(), [SILENCE], [], after(120)) is None


def test_an_expired_silence_ended_now() -> None:
    ended = expired(SILENCE, after(5))
    assert (ended.ends_time, ended.version) == (after(5), 2)
    assert expired(ended, after(9)) is ended
    planned = replace(SILENCE, starts_time=after(60))
    assert expired(planned, after(5)).starts_time == after(5)


def test_a_brands_alert_inhibits_its_products_unless_they_are_graver() -> None:
    brand, product = raised(Level.III, group=BRAND), raised(Level.III, group=PRODUCT)
    assert suppression_of(product, [], [brand], START) == Suppression(f"alert:{brand.id}")
    assert suppression_of(raised(Level.II, group=PRODUCT), [], [brand], START) is None
    assert suppression_of(brand, [], [product], START) is None
    assert suppression_of(product, [], [raised(Level.I, group=OTHER)], START) is None
    taken = acknowledge(brand, actor="li", owner="", comment="", now=after(1))
    assert suppression_of(product, [], [taken], START) is not None
    over = resolve(brand, actor="li", comment="over", now=after(1))
    assert suppression_of(product, [], [over], START) is None


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("matchers", {"matchers": ()}),
        ("matchers", {"matchers": (Matcher("brand", "x"),) * (limits.MATCHERS_LIMIT + 1)}),
        ("matchers", {"matchers": (Matcher("brand", "x", is_equal=False),)}),
        ("matchers.name", {"matchers": (Matcher("weather", "x"),)}),
        ("matchers.value", {"matchers": (Matcher("brand", ""),)}),
        ("matchers.value", {"matchers": (Matcher("brand", "x" * (limits.VALUE_LIMIT + 1)),)}),
        ("reason", {"reason": " "}),
        ("reason", {"reason": "x" * (limits.REASON_LIMIT + 1)}),
        ("reason", {"reason": "a\x00b"}),
        ("created_by", {"created_by": ""}),
        ("ends_time", {"ends_time": START}),
        ("ends_time", {"ends_time": START + limits.DURATION_LIMIT + timedelta(seconds=1)}),
        ("ends_time", {"starts_time": START - timedelta(days=1), "ends_time": START - timedelta(hours=1)}),
    ],
)
def test_a_silence_past_a_bound_is_refused(field: str, changed: dict[str, object]) -> None:
    with pytest.raises(SilenceInvalidError) as refused:
        checked_silence(replace(SILENCE, **changed), START)
    assert refused.value.metadata["field"] == field


def test_a_silence_at_its_bounds_is_kept() -> None:
    longest = replace(
        SILENCE,
        matchers=(Matcher("brand", "x" * limits.VALUE_LIMIT),) * limits.MATCHERS_LIMIT,
        reason=" " + "理" * limits.REASON_LIMIT + " ",
        ends_time=START + limits.DURATION_LIMIT,
    )
    assert checked_silence(longest, START).reason == "理" * limits.REASON_LIMIT

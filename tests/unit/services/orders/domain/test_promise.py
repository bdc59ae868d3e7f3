"""Estimates: what remains of a line's way, on work calendars, with a confidence and its reasons."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kits.calendars.chinese_days import ChineseDays
from services.kits.calendars.day_rules import EVERY_DAY, Weekdays, WeekendsToo
from services.kits.calendars.opening_hours import parse_opening_hours
from services.kits.calendars.work_calendar import WorkCalendar
from services.orders.domain.durations import Durations, durations_from_quantiles
from services.orders.domain.lead_times import LeadTimes, own_assumptions
from services.orders.domain.lifecycle import PRODUCTION_COMPLETED, STAGE_COMPLETED, STAGE_ENTERED, Parcel
from services.orders.domain.promise import (
    LEAST_LEFT,
    MAX_LINE_QUANTITY,
    METHOD,
    Confidence,
    Estimate,
    ParcelNews,
    Question,
    Reason,
    WorkPlaces,
    estimate,
    estimate_of_order,
)
from services.orders.domain.stage_catalog import own_stage_catalog
from services.orders.domain.stages import Progress, StageFact, progress_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
CAKES = own_stage_catalog().templates["cakes"]
ASSUMED = LeadTimes(own_assumptions())
KNOWN = LeadTimes(
    own_assumptions(),
    {
        "pick": durations_from_quantiles(1_800, 3_600, 7_200, samples=500),
        "lane/*/*": durations_from_quantiles(72_000, 144_000, 288_000, samples=500),
        "lane/*/CN-31": durations_from_quantiles(72_000, 144_000, 288_000, samples=500),
        **{
            f"stage/cakes/{stage.name}": durations_from_quantiles(600, 1_800, 3_600, samples=500)
            for stage in CAKES.stages
        },
    },
)
KITCHEN = WorkCalendar(SHANGHAI, WeekendsToo(ChineseDays()), parse_opening_hours("08:00-20:00"))
PLACES = WorkPlaces(KITCHEN, KITCHEN, WorkCalendar(SHANGHAI, EVERY_DAY))
MONDAY = datetime(2026, 11, 30, 9, tzinfo=SHANGHAI)
STOCK = Question(destination="CN-31")
CAKE = Question(family="cakes", template=CAKES, destination="CN-31")


def made(question: Question = STOCK, times: LeadTimes = KNOWN, now: datetime = MONDAY) -> Estimate:
    return estimate(question, times, PLACES, now=now)


def at_work(*stages: str, since: datetime = MONDAY, quantity: int = 1) -> Progress:
    """Return the progress of a line that entered ("baking!": completed) these stages hour by hour until ``since``."""
    facts = [
        StageFact(
            STAGE_COMPLETED if stage.endswith("!") else STAGE_ENTERED,
            since - timedelta(hours=len(stages) - 1 - place),
            stage.rstrip("!"),
        )
        for place, stage in enumerate(stages)
    ]
    return progress_of(CAKES, facts, quantity)


def test_goods_in_stock_are_packed_and_carried() -> None:
    found = made()
    likely = MONDAY + timedelta(seconds=3_600 + 144_000)
    assert abs(found.p50 - likely) < timedelta(hours=3)
    assert found.p10 < found.p50 < found.p90 <= found.promise_time
    assert (found.confidence, found.reason, found.method) == (Confidence.HIGH, Reason.USUAL, METHOD)


def test_the_promise_is_the_end_of_the_day_on_which_nine_of_ten_are_there() -> None:
    found = made()
    assert found.promise_time.astimezone(SHANGHAI).strftime("%H:%M") == "00:00"
    assert found.promise_time - found.p90 <= timedelta(days=1)


def test_a_line_made_to_order_takes_its_stages_longer() -> None:
    assert made(CAKE).p50 - made().p50 >= timedelta(hours=3)
    ten = replace(CAKE, quantity=10)
    assert made(ten).p50 > made(CAKE).p50 + timedelta(hours=6)


def test_stages_that_are_behind_are_not_waited_for() -> None:
    whole, late = made(CAKE), made(replace(CAKE, progress=at_work("inspecting")))
    assert late.p50 < whole.p50
    done = progress_of(CAKES, [StageFact(PRODUCTION_COMPLETED, MONDAY)], 1)
    assert made(replace(CAKE, progress=done)).p50 == made().p50


def test_time_in_a_stage_counts_and_a_stage_that_takes_too_long_is_named() -> None:
    fresh = replace(CAKE, progress=at_work("inspecting"))
    begun = replace(CAKE, progress=at_work("inspecting", since=MONDAY - timedelta(minutes=40)))
    stuck = replace(CAKE, progress=at_work("inspecting", since=MONDAY - timedelta(days=4)))
    assert made(begun).p50 < made(fresh).p50 + timedelta(minutes=10)
    assert made(stuck).reason is Reason.OVERDUE
    assert made(stuck).confidence is Confidence.MEDIUM


def test_rework_is_waited_for_again_and_named() -> None:
    before = made(replace(CAKE, progress=at_work("inspecting")))
    back = made(replace(CAKE, progress=at_work("inspecting", "baking")))
    assert back.p50 > before.p50 + timedelta(hours=1)
    assert Reason.REWORK in back.reasons
    assert back.confidence is Confidence.MEDIUM


def test_a_planned_loop_is_waited_for_and_lowers_nothing() -> None:
    looped = made(replace(CAKE, progress=at_work("chilling", "decorating")))
    assert looped.p50 > made(replace(CAKE, progress=at_work("chilling"))).p50
    assert looped.reason is Reason.USUAL


def test_a_stage_that_nobody_registered_is_named_and_takes_its_time() -> None:
    found = made(replace(CAKE, progress=at_work("inspecting", "Glazing")))
    assert Reason.STAGE_UNKNOWN in found.reasons
    assert found.p50 > made(replace(CAKE, progress=at_work("inspecting"))).p50


def test_a_stage_that_is_completed_leaves_the_next_to_be_begun() -> None:
    entered = made(replace(CAKE, progress=at_work("packing")))
    completed = made(replace(CAKE, progress=at_work("inspecting!")))
    assert abs(entered.p50 - completed.p50) < timedelta(minutes=10)


def test_the_last_pieces_decide() -> None:
    facts = [StageFact(STAGE_ENTERED, MONDAY, "packing", 2)]
    two_of_three = progress_of(CAKES, facts, 3)
    assert made(replace(CAKE, quantity=3, progress=two_of_three)).p50 > MONDAY + timedelta(hours=44)


def test_the_workshops_own_word_counts_unless_it_has_passed() -> None:
    word = MONDAY + timedelta(days=3)
    found = made(replace(CAKE, expected_ready_time=word))
    assert found.p50 > word + timedelta(days=1)
    assert Reason.WORKSHOP_SAYS in found.reasons
    assert made(replace(CAKE, expected_ready_time=MONDAY - timedelta(days=1))) == made(CAKE)


def test_waiting_to_be_packed_counts() -> None:
    waiting = replace(STOCK, ready_time=MONDAY - timedelta(minutes=45))
    assert made(waiting).p50 < made().p50
    assert made(replace(STOCK, ready_time=MONDAY - timedelta(days=5))).reason is Reason.OVERDUE
    assert made(replace(CAKE, ready_time=MONDAY)).p50 == made(replace(STOCK, ready_time=MONDAY)).p50


def parcel(state: Parcel, *, hours_ago: float = 1.0, expected: datetime | None = None) -> Question:
    since = MONDAY - timedelta(hours=hours_ago)
    return replace(STOCK, parcel=ParcelNews(state, since - timedelta(hours=10), since, "post", expected))


def test_a_parcel_goes_the_rest_of_its_way() -> None:
    under_way, out = made(parcel(Parcel.IN_TRANSIT)), made(parcel(Parcel.OUT_FOR_DELIVERY))
    assert under_way.p50 < made().p50
    assert out.p50 < under_way.p50
    assert MONDAY < out.p50 < MONDAY + timedelta(hours=8)


def test_a_parcel_with_a_problem_takes_longer_and_says_so() -> None:
    problem = made(parcel(Parcel.EXCEPTION))
    assert problem.reason is Reason.PARCEL_PROBLEM
    assert problem.p50 > made(parcel(Parcel.IN_TRANSIT)).p50
    assert problem.confidence is Confidence.LOW


def test_the_carriers_own_word_counts() -> None:
    word = MONDAY + timedelta(days=6)
    found = made(parcel(Parcel.IN_TRANSIT, expected=word))
    assert abs(found.p50 - word) < timedelta(minutes=1)
    assert Reason.CARRIER_SAYS in found.reasons


@pytest.mark.parametrize("state", [Parcel.RETURNED, Parcel.LOST, Parcel.CANCELLED])
def test_goods_whose_parcel_will_not_come_are_sent_again(state: Parcel) -> None:
    assert made(parcel(state)).p50 == made().p50


def test_what_is_collected_waits_for_the_shop_and_not_for_a_carrier() -> None:
    found = made(replace(STOCK, destination="pickup"), ASSUMED)
    assert found.p50 < MONDAY + timedelta(hours=4)
    assert found.promise_time.astimezone(SHANGHAI).strftime("%H:%M") == "20:00"


def test_work_stands_still_on_holidays() -> None:
    eve = datetime(2026, 9, 30, 19, tzinfo=SHANGHAI)
    weekdays = WorkCalendar(SHANGHAI, ChineseDays(), parse_opening_hours("08:00-20:00"))
    places = WorkPlaces(weekdays, weekdays, WorkCalendar(SHANGHAI, Weekdays()))
    assert estimate(CAKE, KNOWN, places, now=eve).p50 > datetime(2026, 10, 8, 12, tzinfo=SHANGHAI)


def test_beyond_the_published_years_confidence_is_lower_and_the_reason_is_said() -> None:
    late = datetime(2026, 12, 28, 9, tzinfo=SHANGHAI)
    found = made(CAKE, now=late + timedelta(days=2))
    assert Reason.CALENDAR_NOT_PUBLISHED in found.reasons
    assert found.confidence is Confidence.MEDIUM
    assert made(CAKE, now=late - timedelta(days=5)).confidence is Confidence.HIGH


def test_what_rests_on_assumptions_alone_is_of_low_confidence() -> None:
    found = made(times=ASSUMED)
    assert (found.confidence, found.reason, found.samples) == (Confidence.LOW, Reason.FEW_OBSERVATIONS, 0)
    some = replace(KNOWN, observed={**KNOWN.observed, "pick": Durations(KNOWN.observed["pick"].values, 30)})
    assert made(times=some).confidence is Confidence.MEDIUM


def test_an_order_is_there_with_its_last_line_at_its_weakest_confidence() -> None:
    stock, cake = made(), made(CAKE, ASSUMED)
    whole = estimate_of_order([stock, cake])
    assert whole.p50 == max(stock.p50, cake.p50)
    assert whole.confidence is Confidence.LOW
    assert whole.reasons == (Reason.FEW_OBSERVATIONS, Reason.USUAL)
    assert whole.samples == 0
    with pytest.raises(ValueError, match="lines"):
        estimate_of_order([])


def test_a_line_is_bounded() -> None:
    assert Question(quantity=MAX_LINE_QUANTITY).quantity == MAX_LINE_QUANTITY
    for quantity in (0, MAX_LINE_QUANTITY + 1):
        with pytest.raises(ValueError, match="pieces"):
            Question(quantity=quantity)


def test_an_order_of_long_ago_has_an_answer() -> None:
    old = replace(CAKE, progress=at_work("baking", since=MONDAY - timedelta(days=9_000)))
    assert made(old).reason is Reason.OVERDUE


STATES = st.sampled_from([state for state in Parcel if state not in (Parcel.DELIVERED, Parcel.REFUSED)])
SITUATIONS = st.one_of(
    st.just(STOCK),
    st.just(CAKE),
    st.lists(
        st.sampled_from([*(stage.name for stage in CAKES.stages), "baking!", "Glazing"]), min_size=1, max_size=6
    ).map(lambda stages: replace(CAKE, progress=at_work(*stages))),
    st.tuples(STATES, st.floats(0, 400)).map(lambda pair: parcel(pair[0], hours_ago=pair[1])),
)


@settings(deadline=None)
@given(SITUATIONS, st.floats(0, 1_000), st.sampled_from([KNOWN, ASSUMED]))
def test_an_estimate_is_in_order_in_the_future_and_never_without_a_reason(
    question: Question, hours: float, times: LeadTimes
) -> None:
    now = MONDAY + timedelta(hours=hours)
    found = made(question, times, now)
    assert now + LEAST_LEFT <= found.p10 <= found.p50 <= found.p90 <= found.promise_time
    assert found.reasons
    assert found.p50.tzinfo is UTC

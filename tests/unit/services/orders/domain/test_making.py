"""Production in the fold: how far each line is, by the family that was told, and what is remarked."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kits.event_forms import EventRefusedError, MoneyForm, ProductForm
from services.orders.domain.events import OrderEvent, Portion
from services.orders.domain.folding import fold_order
from services.orders.domain.order import OrderState
from services.orders.domain.remarks import Doubt
from services.orders.domain.reports import EventForm, IntakeRules, OrderForm, ShipmentForm, check_event
from services.orders.domain.stages import Progress
from tests.strategies.orders import placed, told

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
RULES = IntakeRules(NOW, "main", "web")


def stage(name: str, at: int, *, line: int = 1, quantity: int | None = None, family: str = "cakes") -> OrderEvent:
    details = {"stage": name, "family": family} if family else {"stage": name}
    return told(f"{name}-{at}-{quantity}", "stage-entered", at, portions=(Portion(line, quantity),), details=details)


def progress(state: OrderState, line: int = 1) -> Progress:
    found = next(each for each in state.lines if each.line.number == line).progress
    assert found is not None
    return found


def doubts(state: OrderState) -> list[Doubt]:
    return [remark.doubt for remark in state.remarks]


def test_a_line_is_as_far_as_its_stages_and_another_has_no_progress() -> None:
    state = fold_order([placed(2, 1), stage("baking", 5)])
    assert (progress(state).now, progress(state).done, progress(state).quantity) == ("baking", 2, 2)
    assert state.lines[0].family == "cakes"
    assert (state.lines[1].progress, state.lines[1].family) == (None, "")


def test_rework_is_remarked_with_its_fact_and_progress_stays() -> None:
    back = stage("decorating", 7)
    state = fold_order([placed(1), stage("inspecting", 6), back])
    assert progress(state).share == progress(fold_order([placed(1), stage("inspecting", 6)])).share
    assert [(remark.doubt, remark.event_id, remark.line) for remark in state.remarks] == [(Doubt.REWORK, back.id, 1)]


def test_a_stage_that_the_plan_does_not_hold_is_remarked_and_kept() -> None:
    state = fold_order([placed(1), stage("baking", 5), stage("Glazing", 6)])
    assert doubts(state) == [Doubt.STAGE_UNKNOWN]
    assert progress(state).now == "Glazing"


def test_a_line_whose_family_nobody_told_has_stays_and_no_doubts() -> None:
    state = fold_order([placed(1), stage("baking", 5, family="")])
    assert not state.remarks
    assert (progress(state).now, progress(state).share) == ("baking", 0.0)


def test_the_family_that_was_written_beside_a_promise_serves_a_workshop_that_tells_none() -> None:
    promise = told("promise", "promise-made", 1, details={"families": {"1": "cakes"}})
    state = fold_order([placed(1), promise, stage("baking", 5, family="")])
    assert progress(state).done == 2
    assert fold_order([placed(1), promise, stage("cutting", 5, family="party-trays")]).lines[0].family == "party-trays"


def test_the_end_of_production_is_of_all_lines_that_are_made() -> None:
    done = told("made", "production-completed", 9)
    state = fold_order([placed(1, 2), stage("baking", 5), stage("baking", 6, line=2), done])
    assert progress(state, 1).is_complete
    assert progress(state, 2).is_complete


def test_a_scan_that_is_understood_and_moves_nothing_is_no_doubt() -> None:
    info = told("info", "shipment-scanned", 5, details={"detail": "info-received"})
    assert Doubt.CARRIER_WORD_UNKNOWN not in doubts(fold_order([placed(1), info]))
    assert Doubt.CARRIER_WORD_UNKNOWN in doubts(fold_order([placed(1), told("odd", "shipment-scanned", 5)]))


STAGES = st.sampled_from(["queued", "baking", "decorating", "inspecting", "packing", "Glazing"])


@given(
    st.lists(st.tuples(STAGES, st.integers(1, 500), st.sampled_from([None, 1])), max_size=12, unique=True), st.randoms()
)
def test_any_order_of_arrival_gives_one_progress(told_: list[tuple[str, int, int | None]], chance: object) -> None:
    events = [placed(3), *(stage(name, at, quantity=quantity) for name, at, quantity in told_)]
    whole = fold_order(events)
    chance.shuffle(events)  # type: ignore[attr-defined]
    assert fold_order(events + events[:3]).lines == whole.lines


def entered(**fields: object) -> EventForm:
    given_ = {"line": 1, "stage": "baking", "order": OrderForm("7"), "id": "e1", **fields}
    return EventForm(type="stage-entered", time=NOW, **given_)  # type: ignore[arg-type]


def test_the_workshops_own_word_is_kept_in_utc() -> None:
    word = datetime.fromisoformat("2026-12-02T18:00:00+08:00")
    assert check_event(entered(expected_time=word), RULES).fact.details["expected_time"] == "2026-12-02T10:00:00+00:00"


def test_a_destination_is_a_country_a_part_of_one_or_the_shop() -> None:
    def destination(text: str) -> object:
        form = EventForm(
            type="order-placed",
            time=NOW,
            id="e1",
            order=OrderForm("7"),
            products=[ProductForm("p-1", 1, MoneyForm("1.00", "CNY"))],
            destination=text,
        )
        return check_event(form, RULES).fact.details["destination"]

    for text in ("CN", "CN-31", "US-OH", "pickup"):
        assert destination(text) == text
    for text in ("cn", "China", "CN-", "US-OHIO", "上海"):
        with pytest.raises(EventRefusedError) as refused:
            destination(text)
        assert refused.value.reason == "DESTINATION_INVALID"


@pytest.mark.parametrize(
    "expected",
    [datetime(2026, 12, 2, 10), datetime(2028, 1, 1, tzinfo=UTC)],  # noqa: DTZ001
)
def test_a_word_that_cannot_be_is_refused(expected: datetime) -> None:
    with pytest.raises(EventRefusedError) as refused:
        check_event(entered(expected_time=expected), RULES)
    assert (refused.value.reason, refused.value.field) == ("EXPECTED_TIME_INVALID", "expected_time")
    parcel = ShipmentForm("post", "1")
    with pytest.raises(EventRefusedError):
        check_event(
            EventForm(type="shipment-in-transit", time=NOW, id="e2", shipment=parcel, expected_time=expected), RULES
        )

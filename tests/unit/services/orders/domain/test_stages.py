"""Production stages: progress that never falls, rework that is seen, words that nobody registered."""

import csv
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.orders.domain.lifecycle import (
    PRODUCTION_COMPLETED,
    PRODUCTION_QUEUED,
    SHIPMENT_CREATED,
    STAGE_COMPLETED,
    STAGE_ENTERED,
)
from services.orders.domain.stage_catalog import load_stage_catalog, own_stage_catalog
from services.orders.domain.stages import (
    MAX_REMARKS,
    MAX_STAGE_CHARACTERS,
    MAX_UNKNOWN,
    Progress,
    Remark,
    RemarkKind,
    StageFact,
    advance,
    no_progress,
    progress_of,
)

CAKES = own_stage_catalog().templates["cakes"]
START = datetime(2026, 11, 30, 8, tzinfo=UTC)
LOG_TABLE = Path(__file__).parents[5] / "benchmarks" / "production_stages.toml"


def facts(*said: str) -> list[StageFact]:
    """Return facts an hour apart: "baking" is entered, "baking!" completed, "baking:2" entered by two units."""
    made = []
    for hour, each in enumerate(said):
        stage, _, units = each.partition(":")
        type_ = STAGE_COMPLETED if stage.endswith("!") else STAGE_ENTERED
        time = START + timedelta(hours=hour)
        made.append(StageFact(type_, time, stage.rstrip("!"), int(units) if units else None))
    return made


def made(*said: str, quantity: int = 1) -> Progress:
    return progress_of(CAKES, facts(*said), quantity)


def test_a_stage_entered_has_those_before_it_behind() -> None:
    progress = made("queued", "baking")
    assert (progress.now, progress.done, progress.reached) == ("baking", 2, 3)
    assert progress.since == START + timedelta(hours=1)
    assert not progress.is_complete


def test_a_stage_completed_is_behind_and_the_last_one_completes_the_line() -> None:
    assert made("baking!").done == 3
    progress = made("packing!")
    assert progress.is_complete
    assert progress.share == 1.0


def test_work_that_goes_back_is_a_remark_and_no_step_back() -> None:
    before, after = made("baking", "inspecting"), made("baking", "inspecting", "decorating")
    assert after.share == before.share
    assert after.now == "decorating"
    assert after.remarks == (Remark(RemarkKind.REWORK, START + timedelta(hours=2), "decorating", "inspecting"),)
    assert after.reworks == 1


def test_a_loop_of_the_template_is_no_rework() -> None:
    progress = made("decorating", "chilling", "decorating", "chilling")
    assert [remark.kind for remark in progress.remarks] == [RemarkKind.LOOP]
    assert progress.reworks == 0


def test_work_that_goes_on_where_it_was_is_neither() -> None:
    progress = made("inspecting", "decorating", "decorating")
    assert progress.reworks == 1
    assert progress.since == START + timedelta(hours=1)


def test_rework_after_the_end_leaves_the_line_made() -> None:
    done = [*facts("packing"), StageFact(PRODUCTION_COMPLETED, START + timedelta(hours=5))]
    progress = progress_of(CAKES, [*done, StageFact(STAGE_ENTERED, START + timedelta(hours=6), "decorating")], 1)
    assert progress.is_complete
    assert progress.remarks[-1].left == "packing"


def test_units_are_counted_and_the_last_ones_hold_the_line_up() -> None:
    progress = made("baking:2", "decorating:2", quantity=3)
    assert (progress.done, progress.done_by_all) == (5, 0)
    assert made("baking:2", "decorating:2", "baking:1", quantity=3).done_by_all == 2
    assert made("baking:2", "decorating:2", "baking:1", quantity=3).reworks == 0
    assert made("baking", "decorating:2", "baking:1", quantity=3).reworks == 1


def test_more_units_than_ordered_count_as_those_ordered() -> None:
    assert made("baking:9", quantity=3).units[:2] == (3, 3)
    assert made("baking:-4", quantity=3).units[:2] == (0, 0)


def test_a_line_is_queued_once() -> None:
    queued = advance(CAKES, no_progress(CAKES, 1), StageFact(PRODUCTION_QUEUED, START))
    assert (queued.now, queued.reached, queued.done) == ("queued", 1, 0)
    later = advance(CAKES, made("baking"), StageFact(PRODUCTION_QUEUED, START + timedelta(days=1)))
    assert later.now == "baking"


def test_a_completion_that_is_learned_late_leaves_work_where_it_is() -> None:
    progress = made("baking", "decorating", "baking!")
    assert progress.now == "decorating"


@pytest.mark.parametrize("word", ["Baking", " ＢＡＫＩＮＧ ", "烘烤", "烘焙", "bake", "OVEN"])
def test_a_workshops_own_word_is_understood(word: str) -> None:
    assert made(word).now == "baking"


def test_a_word_that_nobody_registered_is_kept_as_it_came_and_moves_nothing() -> None:
    progress = made("baking", "Glazing (new)", "Glazing (new)")
    assert progress.now == "Glazing (new)"
    assert progress.unknown == ("Glazing (new)",)
    assert progress.done == made("baking").done
    assert progress.remarks[-1].kind is RemarkKind.UNKNOWN_STAGE


def test_without_a_template_there_is_one_step() -> None:
    progress = progress_of(None, facts("baking", "cutting"), 2)
    assert (progress.now, progress.share, len(progress.units)) == ("cutting", 0.0, 1)
    assert advance(None, progress, StageFact(PRODUCTION_COMPLETED, START)).is_complete
    assert not advance(None, progress, StageFact(PRODUCTION_COMPLETED, START, quantity=1)).is_complete


def test_facts_of_other_kinds_change_nothing() -> None:
    assert advance(CAKES, made("baking"), StageFact(SHIPMENT_CREATED, START)) == made("baking")


def test_what_is_kept_beside_the_log_is_bounded() -> None:
    many = progress_of(CAKES, facts(*(f"odd {number}" for number in range(MAX_UNKNOWN + 1))), 1)
    assert many.unknown == tuple(f"odd {number}" for number in range(1, MAX_UNKNOWN + 1))
    assert len(many.remarks) == MAX_REMARKS
    assert len(made("x" * (MAX_STAGE_CHARACTERS + 1)).now) == MAX_STAGE_CHARACTERS


def test_a_line_without_units_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one unit"):
        no_progress(CAKES, 0)


KINDS = st.sampled_from([STAGE_ENTERED, STAGE_COMPLETED, PRODUCTION_QUEUED, PRODUCTION_COMPLETED, SHIPMENT_CREATED])
WORDS = st.one_of(st.sampled_from([stage.name for stage in CAKES.stages]), st.sampled_from(["", "奶油", "glaze"]))
FACTS = st.lists(
    st.builds(
        StageFact,
        type=KINDS,
        time=st.just(START),
        stage=WORDS,
        quantity=st.one_of(st.none(), st.integers(-2, 9)),
    ),
    max_size=30,
)


@given(FACTS, st.integers(1, 5), st.sampled_from([CAKES, None]))
def test_progress_never_falls_and_always_counts_units_that_there_are(
    said: list[StageFact], quantity: int, template: object
) -> None:
    progress = no_progress(CAKES if template else None, quantity)
    for fact in said:
        after = advance(CAKES if template else None, progress, fact)
        assert after.share >= progress.share
        assert after.done_by_all >= progress.done_by_all
        assert after.reached >= progress.reached
        assert after.reworks >= progress.reworks
        assert list(after.units) == sorted(after.units, reverse=True)
        assert all(0 <= count <= quantity for count in after.units)
        assert after.done_by_all <= after.done <= len(after.units)
        progress = after


@given(FACTS, st.integers(1, 5))
def test_a_fold_in_two_parts_is_the_fold(said: list[StageFact], quantity: int) -> None:
    half = progress_of(CAKES, said[: len(said) // 2], quantity)
    for fact in said[len(said) // 2 :]:
        half = advance(CAKES, half, fact)
    assert half == progress_of(CAKES, said, quantity)


@pytest.mark.data
def test_a_real_production_log_is_taken_whole_and_progress_never_falls(test_data: Path) -> None:
    catalog = load_stage_catalog(LOG_TABLE.read_text(encoding="utf-8"))
    template = catalog.templates["machined-parts"]
    cases: defaultdict[str, list[StageFact]] = defaultdict(list)
    with (test_data / "orders" / "production_event_log.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            begun, ended = (datetime.strptime(row[key], "%Y/%m/%d %H:%M:%S").replace(tzinfo=UTC) for key in TIMES)
            cases[row["case_id"]] += [
                StageFact(STAGE_ENTERED, begun, row["activity"]),
                StageFact(STAGE_COMPLETED, ended, row["activity"]),
            ]
    assert (len(cases), sum(map(len, cases.values()))) == (225, 2 * 4_503)
    reworked = unknown = 0
    for said in cases.values():
        progress = no_progress(template, 1)
        for fact in sorted(said, key=lambda each: (each.time, each.type == STAGE_COMPLETED)):
            after = advance(template, progress, fact)
            assert after.share >= progress.share
            progress = after
        assert progress.reached > 0
        reworked += progress.reworks > 0
        unknown += bool(progress.unknown)
    assert reworked > 100  # the log is known for its loops
    assert 0 < unknown < 225


TIMES = ("start_timestamp", "timestamp")

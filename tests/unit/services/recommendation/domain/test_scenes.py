"""A scene's life, what a complete one has, and who sees it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recommendation.domain.errors import SceneIncompleteError, SceneInvalidError, SceneStateError
from services.recommendation.domain.scenes import (
    ALT_LIMIT,
    BENEFIT_LIMIT,
    BENEFITS_LIMIT,
    HISTORY_LIMIT,
    HOTSPOTS_LIMIT,
    NAME_LIMIT,
    PER_MILLE,
    PRODUCT_ID_LIMIT,
    TITLE_LIMIT,
    Benefit,
    Hotspot,
    RemarkCode,
    Scene,
    SceneState,
    check_complete,
    check_scene,
    created,
    edited,
    is_open,
    moved,
    remarks_of,
    shown_scenes,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BOTH = {"zh": "好", "en": "good"}
WHOLE = Scene(
    id="scn-1",
    shop="main",
    name="breakfast",
    media_id="m",
    alt=BOTH,
    title=BOTH,
    benefits=(Benefit("", BOTH),),
    hotspots=tuple(Hotspot(10 * number, 20, f"p{number}") for number in range(4)),
    state=SceneState.LIVE,
)


def everything(_product_id: str) -> bool:
    return True


def of(*product_ids: str) -> Any:
    return lambda product_id: product_id in product_ids


def codes(scene: Scene, *, known: Any = everything, in_stock: Any = everything) -> set[str]:
    return {each.code.value for each in remarks_of(scene, known=known, in_stock=in_stock, now=NOW)}


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "x" * (NAME_LIMIT + 1)},
        {"title": {"zh": "x" * (TITLE_LIMIT + 1)}},
        {"title": {"fr": "x"}},
        {"alt": {"en": "x" * (ALT_LIMIT + 1)}},
        {"benefits": (Benefit("", {"en": "x" * (BENEFIT_LIMIT + 1)}),)},
        {"benefits": (Benefit("a", BOTH), Benefit("a", BOTH))},
        {"benefits": (Benefit("Not A Name", BOTH),)},
        {"benefits": tuple(Benefit(f"s{number}", BOTH) for number in range(BENEFITS_LIMIT + 1))},
        {"hotspots": (Hotspot(0, 0, "p"),) * (HOTSPOTS_LIMIT + 1)},
        {"hotspots": (Hotspot(-1, 0, "p"),)},
        {"hotspots": (Hotspot(0, PER_MILLE + 1, "p"),)},
        {"hotspots": (Hotspot(0, 0, ""),)},
        {"hotspots": (Hotspot(0, 0, "p" * (PRODUCT_ID_LIMIT + 1)),)},
        {"min_in_stock": -1},
        {"min_in_stock": HOTSPOTS_LIMIT + 1},
        {"start_time": NOW, "end_time": NOW},
    ],
)
def test_bounds(changes: dict[str, Any]) -> None:
    with pytest.raises(SceneInvalidError):
        check_scene(replace(WHOLE, **changes))


def test_words_are_trimmed_and_empty_ones_dropped() -> None:
    scene = check_scene(replace(WHOLE, name="  a \n b ", title={"zh": " 早 ", "en": "  "}))
    assert (scene.name, scene.title) == ("a b", {"zh": "早"})


def test_what_is_missing_is_named() -> None:
    assert codes(WHOLE) == set()
    bare = replace(WHOLE, media_id="", alt={}, title={"zh": "好"}, benefits=(), hotspots=())
    assert codes(bare) == {"NO_PICTURE", "NO_ALT", "NO_TITLE", "NO_BENEFIT", "NO_HOTSPOTS"}
    assert codes(WHOLE, known=of("p0", "p1", "p2")) == {"UNKNOWN_PRODUCT"}
    half = replace(WHOLE, benefits=(Benefit("regular", {"zh": "好"}),))
    remarks = remarks_of(half, known=everything, in_stock=everything, now=NOW)
    assert [(each.code, each.about) for each in remarks] == [(RemarkCode.NO_BENEFIT, "regular/en")]
    with pytest.raises(SceneIncompleteError):
        check_complete(remarks)


def test_stock_and_dates_are_remarked_but_keep_nothing_from_being_published() -> None:
    late = replace(WHOLE, start_time=NOW + timedelta(days=1))
    assert codes(late, in_stock=of("p0")) == {"OUT_OF_STOCK", "TOO_FEW_IN_STOCK", "NOT_YET"}
    check_complete(remarks_of(late, known=everything, in_stock=of("p0"), now=NOW))
    assert codes(replace(WHOLE, end_time=NOW)) == {"OVER"}


@pytest.mark.parametrize(
    ("minimum", "stock", "shown"),
    [(0, 2, True), (0, 1, False), (1, 1, True), (4, 3, False), (4, 4, True), (9, 4, True), (1, 0, False)],
)
def test_a_scene_hides_when_too_few_of_its_products_are_in_stock(minimum: int, stock: int, shown: bool) -> None:
    scene = replace(WHOLE, min_in_stock=minimum)
    in_stock = of(*(f"p{number}" for number in range(stock)))
    assert is_open(scene, in_stock=in_stock, now=NOW) is shown


def test_half_of_an_odd_number_is_rounded_up_and_a_product_counts_once() -> None:
    assert replace(WHOLE, hotspots=WHOLE.hotspots[:3]).needed == 2
    assert replace(WHOLE, hotspots=(WHOLE.hotspots[0],) * 3).needed == 1


def test_a_scene_is_open_between_its_dates_while_it_is_live() -> None:
    hour = timedelta(hours=1)
    for changes, shown in (
        ({"start_time": NOW}, True),
        ({"start_time": NOW + hour}, False),
        ({"end_time": NOW + hour}, True),
        ({"end_time": NOW}, False),
        ({"state": SceneState.DRAFT}, False),
        ({"state": SceneState.ARCHIVED}, False),
        ({"hotspots": ()}, False),
    ):
        assert is_open(replace(WHOLE, **changes), in_stock=everything, now=NOW) is shown, changes


def test_words_of_a_visitors_segment_come_first_then_those_for_all() -> None:
    own = replace(WHOLE, id="own", benefits=(Benefit("regular", {"en": "for you"}),))
    both = replace(WHOLE, id="both", benefits=(Benefit("", BOTH), Benefit("buys:tea", {"en": "tea"})))
    scenes = [WHOLE, own, both]
    seen = shown_scenes(scenes, ("buys:tea", "regular"), in_stock=everything, now=NOW)
    assert [(each.scene.id, each.segment) for each in seen] == [("both", "buys:tea"), ("own", "regular"), ("scn-1", "")]
    assert [each.text for each in seen[0].scene.benefits] == [{"en": "tea"}]
    stranger = shown_scenes(scenes, (), in_stock=everything, now=NOW)
    assert [each.scene.id for each in stranger] == ["scn-1", "both"]


def test_what_is_sold_out_is_no_hotspot() -> None:
    (seen,) = shown_scenes([WHOLE], (), in_stock=of("p1", "p3"), now=NOW)
    assert [each.product_id for each in seen.scene.hotspots] == ["p1", "p3"]
    assert seen.scene.history == ()


PRODUCTS = st.sampled_from([f"p{number}" for number in range(6)])
SEGMENTS = st.sampled_from(["", "new", "regular", "buys:tea"])
SCENES = st.builds(
    Scene,
    id=st.uuids().map(str),
    shop=st.just("main"),
    benefits=st.lists(st.builds(Benefit, SEGMENTS, st.just(BOTH)), max_size=3, unique_by=lambda each: each.segment).map(
        tuple
    ),
    hotspots=st.lists(st.builds(Hotspot, st.just(1), st.just(2), PRODUCTS), max_size=6).map(tuple),
    start_time=st.sampled_from([None, NOW - timedelta(days=1), NOW + timedelta(days=1)]),
    end_time=st.sampled_from([None, NOW, NOW + timedelta(days=2)]),
    min_in_stock=st.integers(0, 6),
    state=st.sampled_from(list(SceneState)),
)


@given(st.lists(SCENES, max_size=8), st.lists(SEGMENTS.filter(bool), max_size=3, unique=True), st.sets(PRODUCTS))
def test_nobody_sees_what_is_not_for_them(scenes: list[Scene], segments: list[str], stock: set[str]) -> None:
    in_stock = of(*stock)
    seen = shown_scenes(scenes, segments, in_stock=in_stock, now=NOW)
    by_id = {scene.id: scene for scene in scenes}
    ranks = []
    for shown in seen:
        scene = by_id[shown.scene.id]
        assert is_open(scene, in_stock=in_stock, now=NOW)
        assert shown.segment in {benefit.segment for benefit in scene.benefits} & {"", *segments}
        assert [benefit.segment for benefit in shown.scene.benefits] == [shown.segment]
        assert {spot.product_id for spot in shown.scene.hotspots} == set(scene.product_ids) & stock
        ranks.append(segments.index(shown.segment) if shown.segment else len(segments))
    assert ranks == sorted(ranks)
    for_them = [
        scene
        for scene in scenes
        if is_open(scene, in_stock=in_stock, now=NOW)
        and {benefit.segment for benefit in scene.benefits} & {"", *segments}
    ]
    assert {scene.id for scene in for_them} == {shown.scene.id for shown in seen}


def test_every_change_moves_the_version_and_says_who_did_what() -> None:
    draft = created(replace(WHOLE, state=SceneState.DRAFT, history=()), actor="li", now=NOW)
    assert (draft.version, draft.create_time, draft.history[0].action) == (1, NOW, "created")
    later = NOW + timedelta(hours=1)
    assert edited(draft, draft, actor="wu", now=later) is draft
    renamed = edited(draft, replace(draft, name="brunch"), actor="wu", now=later)
    assert (renamed.version, renamed.update_time) == (2, later)
    (entry, _) = renamed.history
    assert (entry.actor, entry.action) == ("wu", "edited")
    assert [(each.field, each.before, each.after) for each in entry.changes] == [("name", '"breakfast"', '"brunch"')]


def test_history_keeps_the_newest() -> None:
    scene = created(WHOLE, actor="li", now=NOW)
    for number in range(HISTORY_LIMIT + 5):
        scene = edited(scene, replace(scene, name=f"n{number}"), actor="li", now=NOW)
    assert len(scene.history) == HISTORY_LIMIT
    assert scene.history[0].version == scene.version


def test_states() -> None:
    draft, live, archived = SceneState.DRAFT, SceneState.LIVE, SceneState.ARCHIVED
    for before, after, action in (
        (draft, live, "published"),
        (live, draft, "withdrawn"),
        (draft, archived, "archived"),
        (live, archived, "archived"),
        (archived, draft, "reopened"),
    ):
        scene = moved(replace(WHOLE, state=before), after, actor="li", now=NOW)
        assert (scene.state, scene.history[0].action) == (after, action)
        assert moved(scene, after, actor="li", now=NOW) is scene
    with pytest.raises(SceneStateError):
        moved(replace(WHOLE, state=archived), live, actor="li", now=NOW)

"""What a Control must be: limits one past each, what each action uses, what the catalogue has."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.chassis.errors import ZhikeError
from services.kits.controls import control_checks as checks
from services.kits.controls.control import Action, ActionType, CapPer, Condition, Content, Pin, Target
from services.kits.controls.control_checks import Abilities, checked_content
from services.kits.controls.errors import (
    ControlActionUnknownError,
    ControlInvalidError,
    ControlProductUnknownError,
    ControlTermUnknownError,
)
from tests.strategies.controls import NOW, SmallCatalogue

ALL = Abilities(frozenset(ActionType), ("popular",), lambda: ("regular",), has_queries=True, normalised=str.casefold)
BOOST = Action(ActionType.BOOST, Target(brands=("brand-a",)), strength=2)
CATALOGUE = SmallCatalogue()


def checked(action: Action = BOOST, condition: Condition | None = None, **rest: Any) -> Content:
    content = Content("a rule", action, condition or Condition())
    return checked_content(replace(content, **rest), ALL, CATALOGUE)


def test_what_is_right_is_tidied() -> None:
    found = checked(condition=Condition(queries=(" Tea ", "tea"), placements=("popular",)), title="  a rule ")
    assert found.title == "a rule"
    assert found.condition.queries == ("tea",)


@pytest.mark.parametrize(
    "action",
    [
        Action(ActionType.BOOST, Target(brands=("brand-a",)), strength=0),
        Action(ActionType.BOOST, Target(brands=("brand-a",)), strength=checks.STRENGTH_LIMIT + 1),
        Action(ActionType.BOOST, strength=1),
        Action(ActionType.EXCLUDE),
        Action(ActionType.EXCLUDE, Target(brands=("brand-a",)), strength=1),
        Action(ActionType.EXCLUDE, Target(product_ids=tuple(f"x{n}" for n in range(checks.VALUES_LIMIT + 1)))),
        Action(ActionType.EXCLUDE, Target(product_ids=("x" * (checks.TEXT_LIMIT + 1),))),
        Action(ActionType.CAP, per=CapPer.BRAND, maximum=0),
        Action(ActionType.CAP, per=CapPer.BRAND, maximum=checks.MAXIMUM_LIMIT + 1),
        Action(ActionType.CAP, maximum=1),
        Action(ActionType.PIN),
        Action(ActionType.PIN, pins=(Pin("p1", 0),)),
        Action(ActionType.PIN, pins=(Pin("p1", checks.POSITION_LIMIT + 1),)),
        Action(ActionType.PIN, pins=(Pin("p1", 1), Pin("p2", 1))),
        Action(ActionType.PIN, pins=(Pin("p1", 1), Pin("p1", 2))),
        Action(ActionType.PIN, pins=tuple(Pin(f"p{n}", n + 1) for n in range(checks.PINS_LIMIT + 1))),
        Action(ActionType.SYNONYMS),
        Action(ActionType.SYNONYMS, words=tuple(f"w{n}" for n in range(checks.WORDS_LIMIT + 1))),
        Action(ActionType.REDIRECT, url="/sale"),
    ],
)
def test_an_action_past_its_bounds_is_refused(action: Action) -> None:
    with pytest.raises(ControlInvalidError) as raised:
        checked(action)
    assert raised.value.metadata["field"]


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "//evil.example",
        "/\\evil.example",
        "http://plain.example/",
        "https://a@b/",
        "sale",
        "/a b",
        "/" + "x" * 500,
    ],
)
def test_a_redirect_leads_to_the_shop_or_an_https_page(url: str) -> None:
    with pytest.raises(ControlInvalidError):
        checked(Action(ActionType.REDIRECT, url=url), Condition(queries=("tea",)))


@pytest.mark.parametrize("url", ["/sale?x=1", "https://shop.example", "https://shop.example/茶"])
def test_such_a_page_is_fine(url: str) -> None:
    assert checked(Action(ActionType.REDIRECT, url=url), Condition(queries=("tea",))).action.url == url


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"title": ""}, ControlInvalidError),
        ({"title": "x" * (checks.TITLE_LIMIT + 1)}, ControlInvalidError),
        ({"note": "x" * (checks.NOTE_LIMIT + 1)}, ControlInvalidError),
        ({"start_time": NOW, "end_time": NOW}, ControlInvalidError),
        ({"start_time": NOW.replace(tzinfo=None)}, ControlInvalidError),
        ({"condition": Condition(placements=("nowhere",))}, ControlActionUnknownError),
        ({"condition": Condition(segments=("nobody",))}, ControlActionUnknownError),
        ({"condition": Condition(channels=("pigeon",))}, ControlActionUnknownError),
        ({"condition": Condition(product_ids=("gone",))}, ControlProductUnknownError),
        ({"condition": Condition(categories=("Nothing",))}, ControlTermUnknownError),
        ({"action": Action(ActionType.BOOST, Target(tags=("nothing",)), strength=1)}, ControlTermUnknownError),
        ({"action": Action(ActionType.PIN, pins=(Pin("gone", 1),))}, ControlProductUnknownError),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], error: type[ZhikeError]) -> None:
    with pytest.raises(error):
        checked(**changes)


def test_an_ending_after_the_start_is_fine() -> None:
    assert checked(start_time=NOW, end_time=NOW + timedelta(seconds=1)).end_time


def test_a_service_does_what_it_can() -> None:
    search = replace(ALL, actions=frozenset({ActionType.BOOST}), placements=())
    with pytest.raises(ControlActionUnknownError):
        checked_content(Content("x", Action(ActionType.CAP, per=CapPer.BRAND, maximum=1)), search, CATALOGUE)
    with pytest.raises(ControlInvalidError):
        checked_content(Content("x", BOOST, Condition(product_ids=("p1",))), search, CATALOGUE)
    with pytest.raises(ControlInvalidError):
        checked_content(Content("x", BOOST, Condition(queries=("q",))), replace(ALL, has_queries=False), CATALOGUE)

"""The start page and the search box: by role, with what is away left out and said."""

import pytest

from gateway.console.areas.start.finders import identifiers_of
from gateway.console.staffing import StaffRole
from services.chassis.errors import NotFoundError
from tests.fakes.console import ConsoleOnFakes


async def test_each_role_sees_its_own_cards(console: ConsoleOnFakes) -> None:
    console.roles = [StaffRole.PR]
    html = await console.page("/")
    assert "alert goes on" in html or "alerts go on" in html
    assert "dead letter" not in html
    console.roles = [StaffRole.ADMIN]
    html = await console.page("/")
    assert "dead letter" in html
    assert "search of this week" not in html


async def test_a_service_that_is_away_takes_nothing_from_the_others(console: ConsoleOnFakes) -> None:
    console.services.down = {"reputation"}
    html = await console.page("/")
    assert "Alerts is not answering" in html
    assert "search of this week found nothing" in html
    assert "reputation is not answering" in html


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_one_box_finds_over_everything(console: ConsoleOnFakes, language: str) -> None:
    console.language = language
    html = await console.page("/search?q=1000231")
    assert "card:1000231" in html
    quick = await console.page("/search?q=7&quick=1")
    assert 'id="quick"' in quick
    assert 'role="option"' in quick


async def test_a_finder_that_is_away_is_said_and_one_that_finds_nothing_is_silent(console: ConsoleOnFakes) -> None:
    console.services.down = {"search"}
    console.services.failures["GetCustomer"] = NotFoundError("there is no such customer")
    html = await console.page("/search?q=milk")
    assert "Not answering at the moment: Products" in html
    assert "card:" not in html


async def test_hostile_text_is_only_text(console: ConsoleOnFakes) -> None:
    html = await console.page("/search?q=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in html
    assert (await console.get(f"/search?q={'x' * 201}")).status_code == 400


def test_a_text_is_tried_as_the_identifiers_that_it_may_be() -> None:
    assert identifiers_of("13800138000") == ["phone:+8613800138000", "card:13800138000"]
    assert identifiers_of("Li@Example.com") == ["email:li@example.com"]
    assert identifiers_of("card:1000231") == ["card:1000231"]
    assert identifiers_of("c-12") == ["c-12", "login:c-12", "card:C12"]
    assert identifiers_of("two words") == []


async def test_the_start_page_answers_with_and_without_a_slash(console: ConsoleOnFakes) -> None:
    assert (await console.page("")).count("<h1>") == 1
    assert (await console.page("/")).count("<h1>") == 1

"""The start page and the search box: by role, with what is away left out and said."""

import pytest

from gateway.clients import SERVICES
from gateway.console.staffing import StaffRole
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
    console.services.found = False
    html = await console.page("/search?q=milk")
    assert "Not answering at the moment: Products" in html
    assert "card:" not in html


async def test_hostile_text_is_only_text(console: ConsoleOnFakes) -> None:
    html = await console.page("/search?q=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in html
    assert (await console.get(f"/search?q={'x' * 201}")).status_code == 400


async def test_the_start_page_answers_with_and_without_a_slash(console: ConsoleOnFakes) -> None:
    assert (await console.page("")).count("<h1>") == 1
    assert (await console.page("/")).count("<h1>") == 1


async def test_nobody_is_led_to_a_page_that_would_refuse_them(console: ConsoleOnFakes) -> None:
    console.roles = [StaffRole.DESK]
    assert "/console/mentions" not in await console.page("/search?q=milk")
    assert "/console/customers/" in await console.page("/orders/o-1")
    console.roles = [StaffRole.ADMIN]
    assert "/console/mentions/" in await console.page("/search?q=milk")
    assert "/console/customers/" not in await console.page("/orders/o-1")


async def test_an_admins_cards_ask_each_service_how_it_stands_once(console: ConsoleOnFakes) -> None:
    console.roles = [StaffRole.ADMIN]
    html = await console.page("/")
    assert "dead letter" in html
    assert console.services.count("GetSystemStatus") == len(SERVICES)

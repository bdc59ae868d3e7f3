"""What an operator sets for promises, stages and carriers; what cannot be is refused at the start, by name."""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from services.chassis.settings import SettingsError, load_settings
from services.orders.settings import OrdersSettings
from tests.unit.services.orders.domain.test_carrier_calls import WHSEC
from tests.unit.services.orders.domain.test_lead_times import SOUND as SOUND_TIMES
from tests.unit.services.orders.domain.test_stage_catalog import SOUND as SOUND_STAGES


def settings(**variables: str) -> OrdersSettings:
    return load_settings(OrdersSettings, "orders", {f"ZHIKE_{name.upper()}": text for name, text in variables.items()})


def test_without_settings_a_shop_in_china_works_on_weekends_and_rests_on_holidays() -> None:
    places = settings().work_places()
    assert places.workshop.is_workday(date(2026, 11, 28))
    assert not places.workshop.is_workday(date(2026, 10, 1))
    assert places.carrier.is_workday(date(2026, 10, 1))
    assert places.workshop.zone == ZoneInfo("Asia/Shanghai")


def test_calendars_hours_and_closed_days_are_the_operators() -> None:
    given = settings(
        shop_time_zone="America/New_York",
        shop_calendar="US",
        workshop_hours="06:00-10:00",
        warehouse_hours="10:00-18:00",
        carrier_calendar="weekdays",
        closed_days="2026-12-23,2026-12-24",
    ).work_places()
    assert not given.workshop.is_workday(date(2026, 11, 26))
    assert not given.warehouse.is_workday(date(2026, 12, 24))
    assert given.carrier.is_workday(date(2026, 12, 24))
    opening = datetime(2026, 12, 1, 7, tzinfo=ZoneInfo("America/New_York"))
    assert given.workshop.is_open(opening)
    assert not given.warehouse.is_open(opening)


def test_tables_of_the_operators_own_take_the_place_of_ours(tmp_path: Path) -> None:
    stages, times = tmp_path / "stages.toml", tmp_path / "times.toml"
    stages.write_text(SOUND_STAGES, encoding="utf-8")
    times.write_text(SOUND_TIMES, encoding="utf-8")
    given = settings(orders_stage_table=str(stages), orders_lead_time_table=str(times))
    assert set(given.stages().templates) == {"boxes"}
    assert set(given.assumptions().lanes) == {"*", "pickup", "US"}


def test_secrets_are_never_shown() -> None:
    given = settings(orders_carrier_secrets=f"aftership=hush,post={WHSEC}")
    assert given.carrier_secrets == ("aftership=hush", f"post={WHSEC}")
    assert "hush" not in repr(given)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("shop_calendar", "Mars"),
        ("carrier_calendar", "US-QQ"),
        ("workshop_hours", "9 to 5"),
        ("warehouse_hours", "18:00-08:00"),
        ("closed_days", "2026-13-01"),
        ("carrier_secrets", "aftership"),
        ("carrier_secrets", "post=secret"),
    ],
)
def test_what_cannot_be_is_refused_by_the_name_of_its_variable(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"ZHIKE_{name.upper()}"):
        settings(**{name: text})


def test_a_table_that_cannot_be_is_refused_with_its_place(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(SOUND_STAGES.replace('"two"]', '"three"]', 1), encoding="utf-8")
    with pytest.raises(SettingsError, match="three"):
        settings(orders_stage_table=str(bad))
    with pytest.raises(SettingsError, match="readable"):
        settings(orders_lead_time_table=str(tmp_path / "none.toml"))

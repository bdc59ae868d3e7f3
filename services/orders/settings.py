"""The settings of orders, read once from ZHIKE_* and ZHIKE_ORDERS_*."""

from datetime import date
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from services.chassis.settings import TimeZone
from services.kits.calendars.day_rules import DayRule, WithExceptions
from services.kits.calendars.named_rules import day_rule_named
from services.kits.calendars.opening_hours import parse_opening_hours
from services.kits.calendars.work_calendar import WorkCalendar
from services.kits.webhooks.settings import WebhookSettings
from services.orders.domain.carrier_connections import connections_of
from services.orders.domain.lead_times import Assumptions, load_assumptions, own_assumptions
from services.orders.domain.promise import WorkPlaces
from services.orders.domain.stage_catalog import StageCatalog, load_stage_catalog, own_stage_catalog


def _is_calendar(value: str) -> str:
    day_rule_named(value)
    return value


def _are_hours(value: str) -> str:
    parse_opening_hours(value)
    return value


def _are_carriers(values: tuple[str, ...]) -> tuple[str, ...]:
    connections_of(values)
    return values


def _is_stage_table(value: Path) -> Path:
    load_stage_catalog(_text_of(value))
    return value


def _is_lead_time_table(value: Path) -> Path:
    load_assumptions(_text_of(value))
    return value


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError("must be a readable file in UTF-8") from error


CalendarName = Annotated[str, AfterValidator(_is_calendar)]
Hours = Annotated[str, AfterValidator(_are_hours)]


class OrdersSettings(WebhookSettings):
    """What orders understands besides the chassis' settings."""

    shop_time_zone: TimeZone = Field(
        "Asia/Shanghai", description="The shop's days and hours; a name of the IANA database."
    )
    currency: str = Field(
        "CNY", pattern="^[A-Z]{3}$", description="Currency of imported orders whose rows name none; ISO 4217."
    )
    shop_calendar: CalendarName = Field(
        "CN+weekends",
        description="Days on which goods are made and packed: every-day, weekdays, CN (holidays and make-up workdays), "
        'another country or its part ("US-NY"); +weekends behind it: off on public holidays alone.',
    )
    workshop_hours: Hours = Field(
        "08:00-20:00", description='Hours in which goods are made: "09:00-12:00,13:00-18:00".'
    )
    warehouse_hours: Hours = Field("08:00-20:00", description="Hours in which parcels are packed.")
    carrier_calendar: CalendarName = Field("every-day", description="Days on which carriers deliver.")
    closed_days: tuple[date, ...] = Field(
        (), max_length=400, description="Days on which nothing is made or packed beside the calendar's, 2026-12-31,…"
    )
    stage_table: Annotated[Path, AfterValidator(_is_stage_table)] | None = Field(
        None, description="TOML file with stages and product families instead of the service's own."
    )
    lead_time_table: Annotated[Path, AfterValidator(_is_lead_time_table)] | None = Field(
        None, description="TOML file with assumed lead times instead of the service's own."
    )
    carrier_secrets: Annotated[tuple[str, ...], AfterValidator(_are_carriers)] = Field(
        (),
        max_length=100,
        repr=False,
        description="Who may push scans: name=secret,… A name twice has two live secrets. aftership, kuaidi100 and "
        "kdniao sign as these services do, any other name Standard Webhooks (whsec_…).",
    )

    @property
    def zone(self) -> ZoneInfo:
        """The shop's time zone."""
        return ZoneInfo(self.shop_time_zone)

    def work_places(self) -> WorkPlaces:
        """Return the calendars of who makes, packs and carries."""
        shop: DayRule = day_rule_named(self.shop_calendar)
        if self.closed_days:
            shop = WithExceptions(shop, closed=frozenset(self.closed_days))
        return WorkPlaces(
            workshop=WorkCalendar(self.zone, shop, parse_opening_hours(self.workshop_hours)),
            warehouse=WorkCalendar(self.zone, shop, parse_opening_hours(self.warehouse_hours)),
            carrier=WorkCalendar(self.zone, day_rule_named(self.carrier_calendar)),
        )

    def stages(self) -> StageCatalog:
        """Return the stages and families in force."""
        if self.stage_table is None:
            return own_stage_catalog()
        return load_stage_catalog(self.stage_table.read_text(encoding="utf-8"))

    def assumptions(self) -> Assumptions:
        """Return the assumed lead times in force."""
        if self.lead_time_table is None:
            return own_assumptions()
        return load_assumptions(self.lead_time_table.read_text(encoding="utf-8"))

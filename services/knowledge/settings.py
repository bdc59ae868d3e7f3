"""The settings of knowledge, read once from ZHIKE_* and ZHIKE_KNOWLEDGE_*."""

from datetime import date, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator

from services.chassis.settings import ChassisSettings, TimeZone
from services.kits.calendars.day_rules import DayRule, WithExceptions
from services.kits.calendars.named_rules import day_rule_named
from services.kits.calendars.opening_hours import parse_opening_hours
from services.kits.calendars.work_calendar import WorkCalendar
from services.kits.text.identifiers import IdentifierInvalidError, parse_identifier
from services.knowledge.domain.answer_clock import AnswerClock


def _is_calendar(value: str) -> str:
    day_rule_named(value)
    return value


def _are_hours(value: str) -> str:
    parse_opening_hours(value)
    return value


class KnowledgeSettings(ChassisSettings):
    """What knowledge understands besides the chassis' settings."""

    default_consent: Literal["granted", "denied"] = Field(
        "denied", description="What holds for a purpose on which a customer has not spoken."
    )
    shop_time_zone: TimeZone = Field(
        "Asia/Shanghai", description="The shop's days and hours; a name of the IANA database."
    )
    shared_by_people: int = Field(
        5, ge=1, le=50, description="Cards or logins of one phone, e-mail, card or login; with more it joins nobody."
    )
    shared_by_contacts: int = Field(
        10, ge=1, le=50, description="Phones or e-mails of one identifier; with more it joins nobody."
    )
    blocked_identifiers: tuple[str, ...] = Field(
        (), description="Placeholders besides the known ones, in text form, separated by commas."
    )
    classes_every_s: float = Field(
        30.0, ge=1.0, le=86_400.0, description="Pause between two looks whether classes must be computed anew."
    )

    desk_calendar: Annotated[str, AfterValidator(_is_calendar)] = Field(
        "CN",
        description="Days on which the answer clock of cases runs and contacts are planned: every-day, weekdays, CN "
        '(holidays and make-up workdays), another country or its part ("US-NY"), +weekends behind it.',
    )
    desk_hours: Annotated[str, AfterValidator(_are_hours)] = Field(
        "00:00-24:00",
        description='Hours of a workday in which the answer clock runs: "09:00-12:00,13:00-18:00". The whole day: '
        "24 hours to answer are a day that weekends and holidays do not count in.",
    )
    desk_closed_days: tuple[date, ...] = Field(
        (), max_length=400, description="Days on which the desk is closed beside the calendar's, 2026-12-31,…"
    )
    answer_within_hours: float = Field(
        24.0, gt=0.0, le=1_000.0, description="Working hours within which a customer must have an answer."
    )
    answer_warning_hours: float = Field(
        4.0, ge=0.0, le=1_000.0, description="Working hours before the answer is due at which the desk is warned."
    )

    @field_validator("blocked_identifiers")
    @classmethod
    def _are_identifiers(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(parse_identifier(value) for value in values)
        except IdentifierInvalidError as error:
            raise ValueError(error.message) from error

    @property
    def zone(self) -> ZoneInfo:
        """The shop's time zone."""
        return ZoneInfo(self.shop_time_zone)

    def work_calendar(self) -> WorkCalendar:
        """Return the calendar of the desk."""
        days: DayRule = day_rule_named(self.desk_calendar)
        if self.desk_closed_days:
            days = WithExceptions(days, closed=frozenset(self.desk_closed_days))
        return WorkCalendar(self.zone, days, parse_opening_hours(self.desk_hours))

    def answer_clock(self) -> AnswerClock:
        """Return the clock by which cases are answered."""
        return AnswerClock(
            self.work_calendar(),
            answer_within=timedelta(hours=self.answer_within_hours),
            warn_before=timedelta(hours=self.answer_warning_hours),
        )

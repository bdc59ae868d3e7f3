"""The settings of reputation, read once from ZHIKE_* and ZHIKE_REPUTATION_*."""

from datetime import timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator

from services.chassis.settings import Address, TimeZone
from services.kits.outbound.allowed_hosts import HostList
from services.kits.webhooks.settings import WebhookSettings
from services.reputation.domain.brands import Brand, BrandKind, check_brand
from services.reputation.domain.bursts import SHIPPED, Thresholds
from services.reputation.domain.errors import BrandInvalidError
from services.reputation.domain.escalation import Ladder, ladder_of
from services.reputation.domain.mailing import MailBook, checked_address, mail_book
from services.reputation.domain.sale_days import SaleCalendar, sale_calendar

OWN_BRAND = "own"


def _are_sale_days(value: str) -> str:
    sale_calendar(value)
    return value


def _is_ladder(value: str) -> str:
    ladder_of(value)
    return value


def _are_addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    return mail_book(values, ()).to


def _are_steps(values: tuple[str, ...]) -> tuple[str, ...]:
    mail_book((), values)
    return values


def _is_web_address(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must be an http:// or https:// address")
    return value.rstrip("/")


class ReputationSettings(WebhookSettings):
    """What reputation understands besides the chassis' settings."""

    own_names: tuple[str, ...] = Field(
        (),
        description='Names by which people speak of the shop itself, in any language, with commas: the brand "own".',
    )
    feed_allowed_hosts: HostList = Field(
        (),
        description="Hosts that feeds may be fetched from although they are not public: exact host:port pairs, "
        '"news.internal:8080". Empty: public addresses only.',
    )

    shop_time_zone: TimeZone = Field(
        "Asia/Shanghai", description="The shop's days and hours; a name of the IANA database."
    )
    sale_days: Annotated[str, AfterValidator(_are_sale_days)] = Field(
        "",
        description="Days that are loud because of a sale, beside those known every year: "
        '"2026-08-18..2026-08-20=818,2026-09-09".',
    )
    burst_minimum: int = Field(
        SHIPPED.minimum_count, ge=1, le=100_000, description="Mentions within 15 minutes below which nothing bursts."
    )
    burst_quantile: float = Field(
        SHIPPED.quantile,
        ge=0.5,
        le=1,
        description="Quantile of the trailing 14 days that 15 minutes must exceed to be a burst.",
    )
    burst_ratio: float = Field(
        SHIPPED.ratio, ge=1, le=100, description="Factor above that quantile that a burst must exceed."
    )
    alert_hold_hours: int = Field(
        24, ge=1, le=720, description="Hours after a raising before the same group is raised anew."
    )
    escalation: Annotated[str, AfterValidator(_is_ladder)] = Field(
        "I=5/15/30/60;II=15/30/60/120;III=60/180;IV=",
        description="Minutes without an acknowledgement after which each step of the escalation goes out, by level.",
    )
    console_url: Annotated[str, AfterValidator(_is_web_address)] = Field(
        "http://127.0.0.1:8080", description="Where people reach the gateway; links in webhooks and mails begin so."
    )
    smtp_address: Address = Field("", description='SMTP server that takes mails of alerts, "host:port"; empty: none.')
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How the talk with the SMTP server is kept secret."
    )
    smtp_user: str = Field("", description="Name at the SMTP server; empty: no login.")
    smtp_password: str = Field("", repr=False, description="Password at the SMTP server.")
    mail_from: Annotated[str, AfterValidator(checked_address)] = Field(
        "zhike@localhost", description="Sender of mails of alerts."
    )
    mail_to: Annotated[tuple[str, ...], AfterValidator(_are_addresses)] = Field(
        (), description="Who is mailed of alerts, with commas."
    )
    mail_escalation_to: Annotated[tuple[str, ...], AfterValidator(_are_steps)] = Field(
        (), description='Who is mailed too from a step of the escalation on: "1:lead@shop.cn,2:director@shop.cn".'
    )

    @field_validator("own_names")
    @classmethod
    def _are_names(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if not values:
            return values
        try:
            return check_brand(Brand(OWN_BRAND, BrandKind.OWN, values)).names
        except BrandInvalidError as error:
            raise ValueError(error.message) from error

    @property
    def own_brands(self) -> tuple[Brand, ...]:
        """Return the shop itself as a brand, unless it has no name."""
        return (Brand(OWN_BRAND, BrandKind.OWN, self.own_names),) if self.own_names else ()

    @property
    def zone(self) -> ZoneInfo:
        """The shop's time zone."""
        return ZoneInfo(self.shop_time_zone)

    @property
    def thresholds(self) -> Thresholds:
        """Return what makes a burst."""
        return Thresholds(self.burst_quantile, self.burst_ratio, self.burst_minimum, self.hold)

    @property
    def hold(self) -> timedelta:
        """Return how long a group is held."""
        return timedelta(hours=self.alert_hold_hours)

    def ladder(self) -> Ladder:
        """Return when what nobody takes in hand is escalated."""
        return ladder_of(self.escalation)

    def calendar(self) -> SaleCalendar:
        """Return the known sale days."""
        return sale_calendar(self.sale_days)

    def book(self) -> MailBook:
        """Return who is mailed."""
        return mail_book(self.mail_to, self.mail_escalation_to)

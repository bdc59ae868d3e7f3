"""The settings of knowledge, read once from ZHIKE_* and ZHIKE_KNOWLEDGE_*."""

from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from services.chassis.settings import ChassisSettings, TimeZone
from services.kits.text.identifiers import IdentifierInvalidError, parse_identifier


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

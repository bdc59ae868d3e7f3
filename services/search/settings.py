"""What search reads from the environment, beside what every process understands."""

from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator

from services.chassis.settings import ChassisSettings


class SearchSettings(ChassisSettings):
    """Settings of the search service."""

    time_zone: str = Field("Asia/Shanghai", description="The shop's time zone: where its days begin and end.")
    upload_limit_bytes: int = Field(
        1024**3, ge=1024, le=16 * 1024**3, description="Largest catalogue file that an import takes."
    )

    @field_validator("time_zone")
    @classmethod
    def _is_time_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("must be an IANA time zone, for example Asia/Shanghai")
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The time zone itself."""
        return ZoneInfo(self.time_zone)

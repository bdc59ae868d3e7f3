"""What recommendation reads from the environment, beside what every process understands."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from services.chassis.settings import ALSO_READ, ChassisSettings
from services.recommendation.domain.cluster_address import FOUND_BY_RAY, OWN_RAY, host_and_port


def _is_ray_address(value: str) -> str:
    if value in OWN_RAY or value == FOUND_BY_RAY or host_and_port(value):
        return value
    raise ValueError('must be "host:port", "ray://host:port", "auto" or "local"')


class RecommendationSettings(ChassisSettings):
    """Settings of the recommendation service."""

    default_consent: Literal["granted", "denied"] = Field(
        "denied", description="What a person who never said stands for: personal answers granted or denied."
    )
    consent_staleness_ms: int = Field(
        2_000, ge=100, le=60_000, description="Age of the copy of consents past which no answer is personal."
    )
    train_workers: int = Field(2, ge=1, le=64, description="Ray tasks at once on a Ray of our own.")
    ray_address: Annotated[str, AfterValidator(_is_ray_address)] = Field(
        "",
        json_schema_extra={ALSO_READ: "RAY_ADDRESS"},
        description='Ray cluster that trains and scores, "host:port", "ray://host:port" or "auto"; RAY_ADDRESS where '
        'this is unset. Empty or "local": a Ray of our own, on this machine.',
    )
    train_every_hours: int = Field(
        24, ge=0, le=24 * 30, description="Hours after which a newer model is trained by itself; 0: only when asked."
    )
    board_interval_ms: int = Field(
        5_000, ge=100, le=3_600_000, description="Shortest time between two looks at what is popular."
    )
    snapshot_interval_s: int = Field(
        300,
        ge=1,
        le=86_400,
        description="Seconds between two snapshots of the copies in memory; a long tail is saved earlier.",
    )

    @property
    def consents_by_default(self) -> bool:
        """Whether somebody who never said may be answered personally."""
        return self.default_consent == "granted"

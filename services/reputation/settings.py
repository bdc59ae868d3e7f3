"""The settings of reputation, read once from ZHIKE_* and ZHIKE_REPUTATION_*."""

from services.chassis.settings import ChassisSettings


class ReputationSettings(ChassisSettings):
    """What reputation understands besides the chassis' settings."""

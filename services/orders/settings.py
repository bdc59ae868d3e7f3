"""The settings of orders, read once from ZHIKE_* and ZHIKE_ORDERS_*."""

from services.chassis.settings import ChassisSettings


class OrdersSettings(ChassisSettings):
    """What orders understands besides the chassis' settings."""

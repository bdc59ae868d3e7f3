"""The settings of orders, read once from ZHIKE_* and ZHIKE_ORDERS_*."""

from pydantic import Field

from services.chassis.settings import ChassisSettings, TimeZone


class OrdersSettings(ChassisSettings):
    """What orders understands besides the chassis' settings."""

    shop_time_zone: TimeZone = Field(
        "Asia/Shanghai", description="The shop's days and hours; a name of the IANA database."
    )
    currency: str = Field(
        "CNY", pattern="^[A-Z]{3}$", description="Currency of imported orders whose rows name none; ISO 4217."
    )

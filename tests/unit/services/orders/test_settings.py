"""The settings of orders."""

import pytest

from services.chassis.settings import SettingsError, load_settings
from services.orders.settings import OrdersSettings


@pytest.mark.parametrize(("name", "value"), [("ZHIKE_SHOP_TIME_ZONE", "Mars/Base"), ("ZHIKE_CURRENCY", "yuan")])
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load_settings(OrdersSettings, "orders", {name: value})

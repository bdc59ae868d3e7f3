"""The gateway's settings."""

import pytest

from gateway.settings import GatewaySettings
from services.chassis.settings import SettingsError, load_settings


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in GatewaySettings.model_fields.values())


def test_settings_come_from_the_environment_and_their_own_override() -> None:
    env = {"ZHIKE_HTTP_PORT": "9000", "ZHIKE_GATEWAY_CORS_ORIGINS": "https://a.cn, https://b.cn", "ZHIKE_DEMO": "true"}
    settings = load_settings(GatewaySettings, "gateway", env)
    assert (settings.http_port, settings.cors_origins, settings.demo) == (9000, ("https://a.cn", "https://b.cn"), True)


@pytest.mark.parametrize(
    ("name", "value"),
    [("SHOPPER_TOKEN_LIMIT_S", "3601"), ("BODY_LIMIT_BYTES", "10"), ("COLOUR", "red")],
)
def test_what_cannot_be_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"ZHIKE_GATEWAY_{name}"):
        load_settings(GatewaySettings, "gateway", {f"ZHIKE_GATEWAY_{name}": value})

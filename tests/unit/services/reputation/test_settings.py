"""Reputation's settings, as the environment names them."""

import pytest

from services.chassis.settings import SettingsError, load_settings
from services.reputation.domain.brands import Brand, BrandKind
from services.reputation.settings import ReputationSettings


def test_the_shops_own_names_are_a_brand() -> None:
    settings = load_settings(ReputationSettings, "reputation", {"ZHIKE_OWN_NAMES": "知客, Zhike Market ,zhike market"})
    assert settings.own_brands == (Brand("own", BrandKind.OWN, ("知客", "Zhike Market")),)
    assert load_settings(ReputationSettings, "reputation", {}).own_brands == ()


@pytest.mark.parametrize(
    "variables", [{"ZHIKE_OWN_NAMES": "知"}, {"ZHIKE_REPUTATION_FEED_ALLOWED_HOSTS": "http://n.example/"}]
)
def test_what_cannot_be_used_is_named(variables: dict[str, str]) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(ReputationSettings, "reputation", variables)
    assert next(iter(variables)) in refused.value.message

"""What recommendation reads from the environment."""

import pytest

from services.chassis.settings import SettingsError, load_settings
from services.recommendation.settings import RecommendationSettings


def test_nobody_has_consented_unless_the_shop_says_so() -> None:
    assert not load_settings(RecommendationSettings, "recommendation", {}).consents_by_default
    granted = load_settings(RecommendationSettings, "recommendation", {"ZHIKE_DEFAULT_CONSENT": "granted"})
    assert granted.consents_by_default


@pytest.mark.parametrize("value", ["yes", "true", "GRANTED"])
def test_a_misspelt_consent_is_refused_and_not_guessed(value: str) -> None:
    with pytest.raises(SettingsError):
        load_settings(RecommendationSettings, "recommendation", {"ZHIKE_DEFAULT_CONSENT": value})


@pytest.mark.parametrize("address", ["10.0.0.7:6379", "ray://head:10001", "[fd00::2]:6379", "auto", "local"])
def test_the_cluster_is_named_as_ray_itself_reads_it(address: str) -> None:
    assert load_settings(RecommendationSettings, "recommendation", {"RAY_ADDRESS": address}).ray_address == address


def test_our_own_variable_goes_before_rays() -> None:
    environment = {"RAY_ADDRESS": "head:6379", "ZHIKE_RAY_ADDRESS": "local"}
    assert load_settings(RecommendationSettings, "recommendation", environment).ray_address == "local"


@pytest.mark.parametrize("address", ["head", "head:0", "head:65536", "http://head:6379", "head:6379 "])
def test_an_address_that_ray_cannot_read_is_named(address: str) -> None:
    with pytest.raises(SettingsError, match="RAY_ADDRESS"):
        load_settings(RecommendationSettings, "recommendation", {"RAY_ADDRESS": address})

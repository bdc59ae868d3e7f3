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

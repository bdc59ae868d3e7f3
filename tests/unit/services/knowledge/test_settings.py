"""The settings of knowledge."""

import pytest

from services.chassis.settings import SettingsError, load_settings
from services.knowledge.main import identity_rules
from services.knowledge.settings import KnowledgeSettings


def test_nobody_who_has_not_spoken_has_agreed_unless_the_shop_says_so() -> None:
    assert load_settings(KnowledgeSettings, "knowledge", {}).default_consent == "denied"
    assert (
        load_settings(KnowledgeSettings, "knowledge", {"ZHIKE_DEFAULT_CONSENT": "granted"}).default_consent == "granted"
    )


def test_the_rules_of_identity_come_from_the_settings() -> None:
    settings = load_settings(
        KnowledgeSettings,
        "knowledge",
        {
            "ZHIKE_KNOWLEDGE_SHARED_BY_PEOPLE": "3",
            "ZHIKE_KNOWLEDGE_SHARED_BY_CONTACTS": "7",
            "ZHIKE_KNOWLEDGE_BLOCKED_IDENTIFIERS": "phone:139 1122 3344,card:9001",
        },
    )
    rules = identity_rules(settings)
    assert rules.neighbours == {"card": 3, "login": 3, "phone": 7, "email": 7}
    assert rules.is_blocked("phone:+8613911223344")
    assert rules.is_blocked("phone:+8613800138000")
    assert not rules.is_blocked("card:9002")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ZHIKE_SHOP_TIME_ZONE", "Mars/Base"),
        ("ZHIKE_DEFAULT_CONSENT", "perhaps"),
        ("ZHIKE_SHARED_BY_PEOPLE", "0"),
        ("ZHIKE_SHARED_BY_PEOPLE", "51"),
        ("ZHIKE_BLOCKED_IDENTIFIERS", "not an identifier"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load_settings(KnowledgeSettings, "knowledge", {name: value})

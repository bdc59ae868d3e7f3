"""Settings are read once, overridden per service, frozen, and wrong ones name their variable."""

from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from services.chassis.settings import ChassisSettings, SettingsError, load_settings, variable


class ShopSettings(ChassisSettings):
    default_consent: str = Field("denied", description="Consent of a customer who was not asked.")
    shops: tuple[str, ...] = Field((), description="Shops that this process serves.")


def test_an_empty_environment_gives_the_embedded_defaults() -> None:
    settings = load_settings(ChassisSettings, "search", {})
    assert (settings.bind, settings.port, settings.documents) == ("127.0.0.1", 0, "sqlite")
    assert settings.embedded and settings.partitions == 1


def test_a_variable_for_all_is_overridden_by_the_services_own() -> None:
    environment = {"ZHIKE_LOG_LEVEL": "warning", "ZHIKE_SEARCH_LOG_LEVEL": "debug", "ZHIKE_SEARCH_PORT": "5000"}
    assert load_settings(ChassisSettings, "search", environment).log_level == "debug"
    assert load_settings(ChassisSettings, "search", environment).port == 5000
    assert load_settings(ChassisSettings, "knowledge", environment).log_level == "warning"
    assert load_settings(ChassisSettings, "knowledge", environment).port == 0


def test_a_service_whose_name_begins_a_setting_reads_both() -> None:
    environment = {"ZHIKE_SEARCH_INDEX": "https://search:9200", "ZHIKE_SEARCH_ADDRESS": "127.0.0.1:1"}
    settings = load_settings(ChassisSettings, "search", environment)
    assert settings.search_index == "https://search:9200"
    assert settings.address_of("search") == "127.0.0.1:1"


def test_an_empty_variable_counts_as_absent() -> None:
    assert load_settings(ChassisSettings, "search", {"ZHIKE_PORT": ""}).port == 0


def test_a_service_adds_its_own_and_a_sequence_is_split_at_commas() -> None:
    environment = {"ZHIKE_KNOWLEDGE_SHOPS": "main, outlet ,", "ZHIKE_DATA": "/srv/zhike"}
    settings = load_settings(ShopSettings, "knowledge", environment)
    assert settings.shops == ("main", "outlet")
    assert settings.data == Path("/srv/zhike")


def test_settings_are_frozen_and_take_nothing_from_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIKE_PORT", "4000")
    monkeypatch.setenv("PORT", "4001")
    settings = ChassisSettings()
    assert settings.port == 0
    with pytest.raises(ValidationError):
        settings.port = 1


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ZHIKE_PORT", "many", "integer"),
        ("ZHIKE_PORT", "65536", "65535"),
        ("ZHIKE_PORT", "-1", "greater than or equal to 0"),
        ("ZHIKE_SEARCH_DRAIN_MS", "60001", "60000"),
        ("ZHIKE_LOG_FORMAT", "xml", "'json'"),
        ("ZHIKE_LOG_PARTITIONS", "0", "greater than or equal to 1"),
        ("ZHIKE_LOG_PARTITIONS", "65", "64"),
        ("ZHIKE_DOCUMENTS", "postgres://user:secret@host", "mongodb://"),
        ("ZHIKE_SEARCH_INDEX", "solr", "Elasticsearch"),
        ("ZHIKE_KNOWLEDGE_ADDRESS", "localhost", "host:port"),
        ("ZHIKE_KNOWLEDGE_ADDRESS", "localhost:0", "host:port"),
        ("ZHIKE_KNOWLEDGE_ADDRESS", ":80", "host:port"),
        ("ZHIKE_SEARCH_PROT", "1", "no such setting"),
    ],
)
def test_an_unusable_value_names_its_variable_and_says_why_but_not_the_value(name: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(ChassisSettings, "search", {name: value})
    assert caught.value.message.startswith(f"{name}: ") and says in caught.value.message
    assert "secret" not in caught.value.message


def test_every_unusable_variable_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(ChassisSettings, "search", {"ZHIKE_PORT": "x", "ZHIKE_LOG_LEVEL": "loud"})
    assert "ZHIKE_PORT: " in caught.value.message and "ZHIKE_LOG_LEVEL: " in caught.value.message


def test_an_address_that_is_not_set_is_named_when_it_is_needed() -> None:
    with pytest.raises(SettingsError, match="ZHIKE_KNOWLEDGE_ADDRESS"):
        ChassisSettings().address_of("knowledge")
    with pytest.raises(SettingsError, match="ZHIKE_ORDERS_ADDRESS"):
        ChassisSettings().address_of("orders")


def test_a_log_gets_eight_partitions_on_mongodb_unless_told_otherwise() -> None:
    assert ChassisSettings(documents="mongodb://db").partitions == 8
    assert ChassisSettings(documents="mongodb://db", log_partitions=3).partitions == 3


def test_every_setting_has_a_description() -> None:
    assert [name for name, info in ChassisSettings.model_fields.items() if not info.description] == []


@pytest.mark.parametrize("service", ["knowledge", "search", "recommendation", "orders", "reputation", "gateway"])
def test_no_override_of_a_service_reads_like_another_setting(service: str) -> None:
    overrides = {variable(field, service): field for field in ChassisSettings.model_fields}
    plain = {variable(field): field for field in ChassisSettings.model_fields}
    assert {name for name in overrides.keys() & plain.keys() if overrides[name] != plain[name]} == set()

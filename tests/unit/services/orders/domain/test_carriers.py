"""Carriers' words in one vocabulary: sound tables, the exact word before the coarse, the unknown kept as it came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.orders.domain.carriers import (
    ESTIMATED,
    MAX_CODE_CHARACTERS,
    UNDATED,
    CarrierTableError,
    Meaning,
    World,
    folded_code,
    load_carrier_words,
    own_carrier_words,
)
from services.orders.domain.lifecycle import SCANS, SHIPMENT_SCANNED

OWN = own_carrier_words()
SOUND = """
[details]
held = { zh = "滞留", en = "Held" }
undated = { zh = "无时间", en = "No time" }
estimated = { zh = "预计", en = "Estimate" }
[words]
aftership = { Delivered = "shipment-delivered" }
kuaidi100 = { 208 = ["shipment-exception", "held"] }
kdniao = { 3 = "shipment-delivered" }
schema-org = { OrderDelivered = "shipment-delivered" }
"""


@pytest.mark.parametrize(
    ("world", "words", "type_", "detail"),
    [
        (World.AFTERSHIP, ("Exception_012", "Exception"), "shipment-exception", "damaged"),
        (World.AFTERSHIP, ("Exception_999", "Exception"), "shipment-exception", ""),
        (World.AFTERSHIP, ("", "OutForDelivery"), "shipment-out-for-delivery", ""),
        (World.AFTERSHIP, ("exception_011",), "shipment-returned", ""),
        (World.KUAIDI100, ("501", "派件"), "shipment-pickup-ready", ""),
        (World.KUAIDI100, ("", "派件"), "shipment-out-for-delivery", ""),
        (World.KUAIDI100, ("３",), "shipment-delivered", ""),
        (World.KUAIDI100, ("201",), "shipment-exception", "not-signed"),
        (World.KDNIAO, ("201",), "shipment-in-transit", "destination-city"),
        (World.KDNIAO, ("406",), "shipment-returned", ""),
        (World.SCHEMA_ORG, ("https://schema.org/OrderDelivered",), "shipment-delivered", ""),
        (World.SCHEMA_ORG, ("http://schema.org/OrderPickupAvailable",), "shipment-pickup-ready", ""),
        (World.SCHEMA_ORG, ("shipment-in-customs",), "shipment-in-customs", ""),
    ],
)
def test_a_word_means_what_its_world_means_by_it(world: World, words: tuple[str, ...], type_: str, detail: str) -> None:
    found = OWN.meaning(world, *words)
    assert (found.type, found.detail, found.is_known) == (type_, detail, True)


def test_a_word_that_no_table_holds_is_kept_as_it_came_and_moves_nothing() -> None:
    assert OWN.meaning(World.KDNIAO, "", "已装上飞船") == Meaning(SHIPMENT_SCANNED, "已装上飞船", is_known=False)
    assert OWN.meaning(World.AFTERSHIP) == Meaning(SHIPMENT_SCANNED, "", is_known=False)
    assert len(OWN.meaning(World.AFTERSHIP, "x" * (MAX_CODE_CHARACTERS + 1)).word) == MAX_CODE_CHARACTERS


def test_every_detail_is_used_and_has_texts_in_both_languages() -> None:
    used = {detail for table in OWN.tables.values() for _, detail in table.values()} - {""}
    assert used | {ESTIMATED, UNDATED} == set(OWN.details)
    for words in OWN.details.values():
        assert any("\u4e00" <= character <= "\u9fff" for character in words.zh)
        assert words.en.isascii()
    assert OWN.detail_words("") is None


def test_every_state_that_a_carrier_can_report_is_reported_by_some_table() -> None:
    tracked = {type_ for world in World if world is not World.SCHEMA_ORG for type_, _ in OWN.tables[world].values()}
    assert tracked == SCANS


def test_a_carrier_has_one_name_whichever_service_tells_of_it() -> None:
    assert {OWN.carrier(name) for name in ("yuantong", "YTO", "yto")} == {"yto"}
    assert {OWN.carrier(name) for name in ("SF", "shunfeng", "sf-express")} == {"sf-express"}
    assert OWN.carrier(" Dragon-Post ") == "dragon-post"
    twice = SOUND + '[carriers]\nyto = ["y"]\nyunda = ["Ｙ"]\n'
    with pytest.raises(CarrierTableError, match="two carriers"):
        load_carrier_words(twice)


def test_a_delivery_is_the_same_state_in_every_world() -> None:
    delivered = {
        World.AFTERSHIP: "Delivered",
        World.KUAIDI100: "3",
        World.KDNIAO: "3",
        World.SCHEMA_ORG: "OrderDelivered",
    }
    assert {OWN.meaning(world, word).type for world, word in delivered.items()} == {"shipment-delivered"}


@given(st.sampled_from(list(World)), st.text(max_size=300))
def test_any_text_has_a_meaning_that_a_carrier_can_report(world: World, word: str) -> None:
    found = OWN.meaning(world, word)
    assert found.type in SCANS
    assert found.is_known == (folded_code(word) in OWN.tables[world])


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"shipment-delivered"', '"shipment-created"', "no carrier reports"),
        ('"shipment-delivered"', '["shipment-delivered", "flown"]', "no text"),
        ('"shipment-delivered"', "3", "no carrier reports"),
        (
            '{ Delivered = "shipment-delivered" }',
            '{ Delivered = "shipment-delivered", ＤＥＬＩＶＥＲＥＤ = "x" }',
            "no TOML",
        ),
        (
            '{ Delivered = "shipment-delivered" }',
            '{ Delivered = "shipment-delivered", "ＤＥＬＩＶＥＲＥＤ" = "shipment-lost" }',
            "twice",
        ),
        ('kdniao = { 3 = "shipment-delivered" }', "", "kdniao"),
        (', en = "Held"', "", "zh and en"),
        ('undated = { zh = "无时间", en = "No time" }', "", "undated"),
        ("[words]", "[words", "no TOML"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_the_place(old: str, new: str, words: str) -> None:
    assert old in SOUND
    with pytest.raises(CarrierTableError, match=words):
        load_carrier_words(SOUND.replace(old, new, 1))


def test_a_sound_table_is_read() -> None:
    assert load_carrier_words(SOUND).meaning(World.KUAIDI100, "208").detail == "held"

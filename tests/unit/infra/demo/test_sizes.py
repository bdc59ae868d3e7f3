"""Sizes: the data's shorthand into US words and metric Chinese."""

import pytest

from infra.demo.sizes import is_shipping_case, size_words


@pytest.mark.parametrize(
    ("raw", "en", "zh"),
    [
        ("16 OZ", "16 oz", "454克"),
        ("L    16 OZ", "16 oz", "454克"),
        ("22515 32 OZ", "32 oz", "907克"),
        ("(600) 4 LB", "4 lb", "1814克"),
        ("5 LB BAG", "5 lb bag", "2.27千克 袋装"),
        ("10 3/4 OZ", "10.75 oz", "305克"),
        ("15 00 OZ", "15 oz", "425克"),
        (".34 OZ", "0.34 oz", "9.6克"),
        ("2/3.5 OZ", "2 × 3.5 oz", "99克×2"),
        ("2/8 OZ", "2 × 8 oz", "227克×2"),
        ("2 - 7.5 OZ", "2 × 7.5 oz", "213克×2"),
        ("6 PK 8 OZ", "6 × 8 oz", "227克×6"),
        ("4 PK/16 OZ", "4-pack, 16 oz", "4枚装 454克"),
        ("9 OZ/2 PK", "2 × 9 oz", "255克×2"),
        ("3 PK/100 CT", "3 × 100 count", "100枚装×3"),
        ("16 OZ/4 CT", "16 oz, 4 count", "454克 4枚装"),
        ("12 CT/16.5", "12 count, 16.5 oz", "12枚装 468克"),
        ("1 DZ", "12 count", "12枚装"),
        ("42-48 CT", "42–48 count", "42–48枚"),
        ("70.5 SQ FT", "70.5 sq ft", "6.5平方米"),
        ("75 FT", "75 ft", "22.9米"),
        ("32 LDS", "32 loads", "32次用量"),
        ("12 STEM", "12 stems", "12枝"),
        ("22 X28 IN", "22 × 28 in", "22×28英寸"),
        ("1/2 PT", "½ pt", "½品脱盒装"),
        ("974246  PK", "pack", "盒装"),
        ("84 CT REFIL", "84 count refill", "84枚装 补充装"),
        ("1 KIT", "kit", "套装"),
        ("MINI", "mini", "迷你"),
    ],
)
def test_a_size_reads_well_in_both_languages(raw: str, en: str, zh: str) -> None:
    words = size_words(raw, liquid=False, measure="枚")
    assert (words.en, words.zh) == (en, zh)


@pytest.mark.parametrize(
    ("raw", "en", "zh"),
    [
        ("2 L", "2 L", "2升"),
        ("1/2 GAL", "½ gal", "1.89升"),
        ("64 OZ", "64 fl oz", "1.89升"),
        ("12 PK/12 OZ", "12 × 12 fl oz", "355毫升×12"),
        ("12 PK/300 OZ", "12-pack, 300 fl oz", "12瓶装 8.87升"),
        ("6 PK/.5 LT", "6 × 0.5 L", "500毫升×6"),
        ("16 OZ CAN", "16 fl oz can", "473毫升 罐装"),
        ("750 ML", "750 ml", "750毫升"),
        ("QT", "1 qt", "946毫升"),
    ],
)
def test_ounces_of_liquids_are_fluid_ounces(raw: str, en: str, zh: str) -> None:
    words = size_words(raw, liquid=True, measure="瓶")
    assert (words.en, words.zh) == (en, zh)


@pytest.mark.parametrize("raw", [None, "", "SOFT", "???", "//", "12 PARSECS"])
def test_a_size_that_cannot_be_read_is_left_out(raw: str | None) -> None:
    assert size_words(raw, liquid=False, measure="件").en == ""


@pytest.mark.parametrize(
    ("raw", "case"),
    [
        ("40 LB", True),
        ("48 CT", True),
        ("50-65 CT", True),
        ("9.5 LB", True),
        ("7 CT", True),
        ("9 LB", False),
        ("6 CT", False),
        ("16 OZ", False),
        ("PT", False),
        (None, False),
    ],
)
def test_only_what_is_shipped_and_not_bought_is_a_shipping_case(raw: str | None, case: bool) -> None:
    assert is_shipping_case(raw, largest_bag_lb=9.0) is case

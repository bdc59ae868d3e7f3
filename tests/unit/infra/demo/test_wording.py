"""Words: the glossary is whole and clean, and what it lacks is cleaned by rule."""

import re

import pytest

from infra.demo.makers import OWN_LABEL
from infra.demo.sizes import SizeWords
from infra.demo.wording import Words, category_of, cleaned, department_of, glossary, size_of, title_of
from services.orders.domain.stage_catalog import ANY_FAMILY, own_stage_catalog

CHINESE = re.compile(r"[\u4e00-\u9fff]")
SHOUTED = re.compile(r"\b[A-Z]{4,}\b")


def _all_words() -> list[Words]:
    words = glossary()
    return [
        *words.types.values(),
        *(category.names for category in words.categories.values()),
        *(department.names for department in words.departments.values()),
    ]


def test_every_entry_has_clean_words_in_both_languages() -> None:
    for words in _all_words():
        assert words.en.strip() == words.en != ""
        assert not CHINESE.search(words.en)
        assert not SHOUTED.search(words.en), words.en
        assert CHINESE.search(words.zh), words.zh
        assert words.zh.strip() == words.zh


def test_no_two_categories_or_types_have_the_same_words() -> None:
    words = glossary()
    for names in ([each.names for each in words.categories.values()], list(words.types.values())):
        doubles = {name for name in names if names.count(name) > 1} - {Words("Other", "其他")}
        assert not doubles


def test_every_rule_names_types_and_categories_that_exist() -> None:
    words = glossary()
    plain = {kind.partition("@")[0] for kind in words.types}
    assert set(words.made_to_order) | words.liquid_types | words.solid_types | set(words.brands) <= plain
    assert words.liquid_categories | words.excluded_categories <= set(words.categories)
    scopes = {scope for kind in words.types if (scope := kind.partition("@")[2])}
    assert scopes <= set(words.categories)


def test_what_is_made_to_order_is_of_a_family_whose_stages_are_known() -> None:
    assert set(glossary().made_to_order.values()) == set(own_stage_catalog().templates) - {ANY_FAMILY}


def test_a_hue_is_a_direction_of_the_colour_circle() -> None:
    assert all(0 <= department.hue < 360 for department in glossary().departments.values())


@pytest.mark.parametrize(
    ("category", "name"),
    [
        ("BACON", "premium bacon"),
        ("PASTA SAUCE", "premium pasta sauce"),
        ("ICE CREAM/MILK/SHERBTS", "premium ice cream"),
    ],
)
def test_a_type_means_what_its_category_makes_of_it(category: str, name: str) -> None:
    found = glossary().type_words("PREMIUM", category)
    assert found is not None
    assert found.en == name


def test_an_unknown_type_has_no_words() -> None:
    assert glossary().type_words("PREMIUM", "CHEESE") is None
    assert glossary().type_words(None, "CHEESE") is None


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("FRZN BRD STICK/PORTON (", "frozen breaded stick porton"),
        ("SFT DRNK MLT-PK BTL CARB (EXCP", "soft drink multi pack bottle carbonated excp"),
        ("XMAS PLUSH", "Christmas plush"),
        ("ALL", "all"),
    ],
)
def test_shorthand_is_cleaned_by_rule(raw: str, text: str) -> None:
    assert cleaned(raw) == text


def test_what_the_glossary_lacks_still_has_a_name() -> None:
    department = department_of("SPACE GDS")
    assert department.names == Words("Space goods", "space goods")
    assert category_of("MOON VEG", department).names.en == "Moon vegetable"
    assert category_of(None, department).names == department.names


def test_fresh_produce_in_a_shipping_case_is_loose() -> None:
    def words(raw: str, category: str = "CITRUS") -> str:
        return size_of(raw, department="PRODUCE", category=category, kind="LEMONS").en

    assert words("40 LB") == "loose"
    assert words("10 LB") == "loose"
    assert words("10 LB", "POTATOES") == "10 lb"
    assert size_of("40 LB", department="GROCERY", category="CAT LITTER", kind=None).en == "40 lb"


def test_a_title_says_maker_name_and_size() -> None:
    name, size = Words("carbonated soft drink", "碳酸饮料"), SizeWords("2 L", "2升")
    assert title_of(name, None, size) == Words("Carbonated soft drink, 2 L", "碳酸饮料 2升")
    assert title_of(name, OWN_LABEL, size) == Words("Zhike Select carbonated soft drink, 2 L", "知客优选 碳酸饮料 2升")
    assert title_of(name, None, SizeWords("", "")) == Words("Carbonated soft drink", "碳酸饮料")

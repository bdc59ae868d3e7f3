"""Words products: titles, departments and categories in English and Chinese out of the glossary, or cleaned by rule.

Pure functions over the glossary's files; what the glossary does not hold is cleaned by rule and marked untranslated.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from infra.demo.makers import MakerName
from infra.demo.sizes import SizeWords, is_shipping_case, size_words

_FOLDER: Final = Path(__file__).parent / "glossary"
_TYPE_FILES: Final = ("types-fresh", "types-grocery", "types-home", "types-packaged")
_BULK: Final = SizeWords("loose", "散装", bulk=True)
_BAGGED: Final = ("POTATOES", "ONIONS")  # sold in bags of 10 lb; everything else of that weight is a case
_WORDS: Final = re.compile(r"[^A-Z0-9&'%]+")


@dataclass(frozen=True, slots=True)
class Words:
    """The same thing in both languages."""

    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Department:
    """A department's names and how the page draws its goods: an icon and a hue in degrees."""

    names: Words
    icon: str
    hue: int


@dataclass(frozen=True, slots=True)
class Category:
    """A category's names, its icon, and the Chinese measure word that its goods are counted with."""

    names: Words
    icon: str
    measure: str


@dataclass(frozen=True, slots=True)
class Glossary:
    """Everything under glossary/, read once. ``made_to_order``: the family of each type that is.

    ``brands``: the types of the data that are a brand themselves.
    """

    departments: dict[str, Department]
    categories: dict[str, Category]
    types: dict[str, Words]
    made_to_order: dict[str | None, str]
    excluded_types: frozenset[str]
    excluded_categories: frozenset[str]
    liquid_types: frozenset[str]
    liquid_categories: frozenset[str]
    solid_types: frozenset[str]
    abbreviations: dict[str, str]
    brands: dict[str | None, MakerName]

    def type_words(self, kind: str | None, category: str | None) -> Words | None:
        """Return the words of a type in its category, or None when the glossary does not hold it."""
        if kind is None:
            return None
        return self.types.get(f"{kind}@{category}") or self.types.get(kind)

    def is_liquid(self, kind: str | None, category: str | None) -> bool:
        """Tell whether ounces of such goods are fluid ounces."""
        if kind in self.solid_types:
            return False
        return kind in self.liquid_types or category in self.liquid_categories


@lru_cache(maxsize=1)
def glossary() -> Glossary:
    """Return the glossary out of its TOML files (about 15 ms, once)."""
    rules = glossary_file("rules")
    return Glossary(
        departments={
            raw: Department(Words(en, zh), icon, hue)
            for raw, (en, zh, icon, hue) in glossary_file("departments").items()
        },
        categories={
            raw: Category(Words(en, zh), icon, measure)
            for raw, (en, zh, icon, measure) in glossary_file("categories").items()
        },
        types={raw: Words(en, zh) for name in _TYPE_FILES for raw, (en, zh) in glossary_file(name).items()},
        made_to_order=dict(rules["made_to_order"]),
        excluded_types=frozenset(rules["excluded_types"]),
        excluded_categories=frozenset(rules["excluded_categories"]),
        liquid_types=frozenset(rules["liquid_types"]),
        liquid_categories=frozenset(rules["liquid_categories"]),
        solid_types=frozenset(rules["solid_types"]),
        abbreviations=rules["abbreviations"],
        brands={kind: MakerName(en, zh) for kind, (en, zh) in rules["brands"].items()},
    )


def department_of(raw: str) -> Department:
    """Return a department's words; one that the glossary lacks keeps its own name, cleaned, in both languages."""
    found = glossary().departments.get(raw)
    return found if found is not None else Department(_cleaned_twice(raw), "📦", 0)


def category_of(raw: str | None, department: Department) -> Category:
    """Return a category's words; without a category the department stands in for it."""
    if raw is None:
        return Category(department.names, department.icon, "件")
    found = glossary().categories.get(raw)
    return found if found is not None else Category(_cleaned_twice(raw), department.icon, "件")


def size_of(raw: str | None, *, department: str, category: str | None, kind: str | None) -> SizeWords:
    """Return a product's size; fresh produce whose size is a shipping case is sold loose."""
    largest_bag_lb = 10.0 if category in _BAGGED else 9.0
    if department == "PRODUCE" and is_shipping_case(raw, largest_bag_lb=largest_bag_lb):
        return _BULK
    words = glossary()
    measure = words.categories[category].measure if category in words.categories else "件"
    return size_words(raw, liquid=words.is_liquid(kind, category), measure=measure)


def title_of(name: Words, maker: MakerName | None, size: SizeWords) -> Words:
    """Return "Belmont carbonated soft drink, 2 L" and "贝蒙 碳酸饮料 2升"."""
    english = f"{maker.en} {name.en}" if maker else name.en[:1].upper() + name.en[1:]
    chinese = f"{maker.zh} {name.zh}" if maker else name.zh
    return Words(
        f"{english}, {size.en}" if size.en else english,
        f"{chinese} {size.zh}" if size.zh else chinese,
    )


def cleaned(raw: str) -> str:
    """Return the data's shorthand as readable English: "FRZN BRD STICK (" becomes "frozen breaded stick"."""
    abbreviations = glossary().abbreviations
    words = [abbreviations.get(word, word.lower()) for word in _WORDS.split(raw.upper()) if word]
    return " ".join(word for word in words if word) or raw.strip().lower()


def _cleaned_twice(raw: str) -> Words:
    text = cleaned(raw)
    return Words(text[:1].upper() + text[1:], text)


def glossary_file(name: str) -> dict[str, Any]:
    """Return one file under glossary/."""
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))

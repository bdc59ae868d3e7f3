"""Owns whom a mention speaks of: the brands that the shop watches, and its products by their titles.

A brand has names in any language and exclusions: longer texts in which a name means something else (苹果 in 苹果汁). A
product is named by its title. A title that anybody might write (牛奶, "apples") speaks of the shop's product only where
the shop's own brand is named too, or in the shop's own reviews; a title that several products share names them all, one
that many share names none.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.kits.text.language import HAN_RANGES
from services.reputation.domain.errors import BrandInvalidError
from services.reputation.domain.names import MAX_NAME_CHARACTERS, SHORTEST_NAME, NameIndex, folded_name

MAX_BRANDS: Final = 1_000
MAX_NAMES: Final = 50  # of one brand; as many exclusions
MAX_BRAND_ID_CHARACTERS: Final = 64
MAX_MATCHES: Final = 10  # brands of one mention; as many products
PRODUCTS_OF_TITLE: Final = 3
DISTINCTIVE_HAN: Final = 5
DISTINCTIVE_WORDS: Final = 2
DISTINCTIVE_LETTERS: Final = 10
READ_CHARACTERS: Final = 8_000  # of a text in which names are looked for

_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
_HAN: Final = re.compile(f"[{HAN_RANGES}]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_WORD: Final = re.compile(r"[a-z0-9][a-z0-9'.-]*")
_EXCLUDED: Final = ""  # the owner of an exclusion


class BrandKind(StrEnum):
    """Whose brand it is."""

    OWN = "own"
    RIVAL = "rival"


@dataclass(frozen=True, slots=True)
class Brand:
    """A brand that is watched. ``version`` grows with every edit."""

    id: str
    kind: BrandKind
    names: tuple[str, ...]
    exclusions: tuple[str, ...] = ()
    version: int = 1


@dataclass(frozen=True, slots=True)
class Matches:
    """Whom a mention speaks of, by id, in the order in which they are named."""

    brands: tuple[str, ...] = ()
    products: tuple[str, ...] = ()


def check_brand(brand: Brand) -> Brand:
    """Return the brand as it is kept, names trimmed and each once. Raises BrandInvalidError."""
    if not _ID.fullmatch(brand.id):
        message = f"a brand's id is 1 to {MAX_BRAND_ID_CHARACTERS} of a-z 0-9 -"
        raise BrandInvalidError(message, field="id")
    names, exclusions = _checked(brand.names, "names"), _checked(brand.exclusions, "exclusions")
    if not names:
        raise BrandInvalidError("a brand has at least one name", field="names")
    for place, each in enumerate(exclusions):
        if not any(folded_name(name) in folded_name(each) for name in names):
            raise BrandInvalidError("an exclusion holds a name of the brand", field=f"exclusions[{place}]")
    return Brand(brand.id, brand.kind, names, exclusions, brand.version)


class Lexicon:
    """All that can be named, as it stands; changed by whoever follows brands and products."""

    def __init__(self) -> None:
        self._brands: dict[str, Brand] = {}
        self._products: dict[str, tuple[str, ...]] = {}
        self._brand_names, self._titles = NameIndex(), NameIndex()

    @property
    def sizes(self) -> Mapping[str, int]:
        """Return how much is known."""
        return {"brands": len(self._brands), "products": len(self._products), "titles": len(self._titles)}

    def put_brand(self, brand: Brand) -> None:
        """Know a brand as it is now."""
        self.drop_brand(brand.id)
        self._brands[brand.id] = brand
        for name in brand.names:
            self._brand_names.put(folded_name(name), brand.id)
        for name in brand.exclusions:
            self._brand_names.put(folded_name(name), _EXCLUDED)

    def drop_brand(self, brand_id: str) -> None:
        """Forget a brand; an exclusion that another brand has too stays with that one."""
        brand = self._brands.pop(brand_id, None)
        if brand is None:
            return
        for name in brand.names:
            self._brand_names.discard(folded_name(name), brand_id)
        kept = {folded_name(name) for each in self._brands.values() for name in each.exclusions}
        for name in brand.exclusions:
            if folded_name(name) not in kept:
                self._brand_names.discard(folded_name(name), _EXCLUDED)

    def put_product(self, product_id: str, titles: Iterable[str]) -> None:
        """Know a product by its titles as they are now; without any it is forgotten."""
        for title in self._products.pop(product_id, ()):
            self._titles.discard(title, product_id)
        folded = tuple(dict.fromkeys(filter(None, map(folded_name, titles))))
        if folded:
            self._products[product_id] = folded
            for title in folded:
                self._titles.put(title, product_id)

    def brand_ids(self) -> frozenset[str]:
        """Return the brands that are known."""
        return frozenset(self._brands)

    def match(self, text: str, *, is_own: bool = False) -> Matches:
        """Return whom a shown text speaks of. ``is_own``: it was said in the shop's own place, of its goods."""
        folded = folded_name(text[:READ_CHARACTERS])
        brands = [
            owner for _, owners in self._brand_names.find(folded) for owner in sorted(owners) if owner != _EXCLUDED
        ]
        of_shop = is_own or any(self._brands[each].kind is BrandKind.OWN for each in brands)
        products = [
            product_id
            for title, owners in self._titles.find(folded)
            if len(owners) <= PRODUCTS_OF_TITLE and (of_shop or is_distinctive(title))
            for product_id in sorted(owners)
        ]
        return Matches(_first(brands), _first(products))


def is_distinctive(title: str) -> bool:
    """Tell whether a folded title says enough by itself to mean one thing for sale."""
    if len(_HAN.findall(title)) >= DISTINCTIVE_HAN:
        return True
    words = _WORD.findall(title)
    return len(words) >= DISTINCTIVE_WORDS and sum(map(len, words)) >= DISTINCTIVE_LETTERS


def _first(ids: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))[:MAX_MATCHES]


def _checked(names: Iterable[str], field: str) -> tuple[str, ...]:
    kept: dict[str, str] = {}
    for place, name in enumerate(names):
        where = f"{field}[{place}]"
        if place >= MAX_NAMES:
            raise BrandInvalidError(f"at most {MAX_NAMES} {field}", field=field)
        if _CONTROL.search(name):
            raise BrandInvalidError("a name holds no control characters", field=where)
        folded = folded_name(name)
        if not SHORTEST_NAME <= len(folded) <= MAX_NAME_CHARACTERS or len(name) > MAX_NAME_CHARACTERS:
            raise BrandInvalidError(f"a name has {SHORTEST_NAME} to {MAX_NAME_CHARACTERS} characters", field=where)
        kept.setdefault(folded, name.strip())
    return tuple(kept.values())

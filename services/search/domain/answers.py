"""Owns the public JSON of search answers (docs/architecture.md): cards, highlights, facets, suggestions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from services.kits.text.highlight import ReadText, Span
from services.search.domain.product import Product, money_to_json
from services.search.domain.query import MatchedTerms
from services.search.domain.suggestions import Phrase

# How a typed answer marks matched words in a title; private use characters stand in no title.
HIGHLIGHT_START: Final = "\ue000"
HIGHLIGHT_END: Final = "\ue001"
_OTHER: Final[Mapping[str, str]] = {"zh": "en", "en": "zh"}


@dataclass(frozen=True, slots=True)
class ShownProduct:
    """What a product shows in one language, whatever the query: kept and shared by the answers that show it.

    ``card``: the finished JSON of its card, written when the product was indexed.
    """

    title: str
    read_title: ReadText
    card: bytes
    read_product: Callable[[], Product]


class FoundProduct(NamedTuple):
    """One hit. ``spans``: matched words in the title of the answer's language; ``position`` is 1-based."""

    product_id: str
    position: int
    spans: tuple[Span, ...]
    shown: ShownProduct

    @property
    def title(self) -> str:
        """The title in the answer's language."""
        return self.shown.title

    @property
    def product(self) -> Product:
        """The whole product, read when asked for."""
        return self.shown.read_product()


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value that could be filtered by, the words to show, and how many products have it."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """What was found, ready to be written in either form."""

    language: str
    results: tuple[FoundProduct, ...]
    facets: tuple[tuple[str, tuple[FacetValue, ...]], ...]
    total_size: int
    next_page_token: str
    attribution_token: str
    corrected_query: str
    matched_terms: MatchedTerms
    engine_us: int
    redirect_url: str = ""


def title_in(product: Product, language: str) -> str:
    """Return the title in ``language``, else in the other one."""
    return product.title.get(language) or product.title.get(_OTHER[language]) or product.id


def product_card(product: Product, language: str) -> dict[str, Any]:
    """Return the public card of a product."""
    category = product.categories[-1] if product.categories else {}
    return {
        "id": product.id,
        "title": title_in(product, language),
        "titles": dict(product.title),
        "brand": product.brands[0] if product.brands else "",
        "price": money_to_json(product.price),
        "original_price": money_to_json(product.original_price),
        "availability": product.availability.value,
        "category": category.get(language) or category.get(_OTHER[language]) or "",
        "tags": list(product.tags),
        "attributes": {name: list(values) for name, values in product.attributes.items()},
        "image": product.images[0] if product.images else "",
    }


def search_answer_to_json(answer: SearchAnswer, finished: Callable[[bytes], Any]) -> dict[str, Any]:
    """Return the public form of a search answer; ``finished`` marks bytes that are JSON already for the writer."""
    return {
        "results": [
            {
                "product": finished(shown.card),
                "highlight": highlight_parts(shown.title, spans),
                "position": position,
            }
            for _, position, spans, shown in answer.results
        ],
        "facets": [
            {
                "field": name,
                "values": [{"value": each.value, "label": each.label, "count": each.count} for each in values],
            }
            for name, values in answer.facets
        ],
        "total_size": answer.total_size,
        "next_page_token": answer.next_page_token,
        "attribution_token": answer.attribution_token,
        "corrected_query": answer.corrected_query,
        "matched_terms": answer.matched_terms.value,
        "engine_us": answer.engine_us,
        "redirect_url": answer.redirect_url,
    }


def highlight_parts(title: str, spans: Sequence[Span]) -> list[dict[str, Any]]:
    """Return the title in pieces, each a hit or not; together they are the title."""
    parts: list[dict[str, Any]] = []
    position = 0
    for start, end in spans:
        if start > position:
            parts.append({"text": title[position:start], "hit": False})
        parts.append({"text": title[start:end], "hit": True})
        position = end
    if position < len(title):
        parts.append({"text": title[position:], "hit": False})
    return parts


def suggestions_to_json(phrases: Sequence[Phrase]) -> dict[str, Any]:
    """Return the public form of suggestions."""
    return {
        "suggestions": [
            {
                "text": phrase.text,
                "kind": phrase.kind.value,
                "product_id": phrase.product_id,
                "price": money_to_json(phrase.price),
            }
            for phrase in phrases
        ]
    }

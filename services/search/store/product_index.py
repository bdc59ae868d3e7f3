"""Owns the product index: its schema, how a product becomes an entry, and how a search becomes an index query."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from struct import Struct
from typing import Any, Final

import orjson

from services.chassis.logs import get_log
from services.chassis.recent import Recent
from services.chassis.searchindex.port import (
    KEYWORD_LIMIT_BYTES,
    KEYWORD_VALUES_LIMIT,
    AllOf,
    AnyOf,
    Best,
    Boost,
    Bucket,
    DateField,
    Entry,
    Facet,
    Filter,
    Hit,
    IndexPage,
    IndexQuery,
    IndexSchema,
    KeywordField,
    KeywordFilter,
    LongField,
    Node,
    Outcome,
    Phrase,
    Put,
    RangeFilter,
    RangesFacet,
    Remove,
    SearchIndex,
    Sort,
    Term,
    TermsFacet,
    TextField,
    Write,
)
from services.kits.text.highlight import ReadText
from services.kits.text.segment import QueryWord, Segmenter
from services.search.domain import relevance
from services.search.domain.answers import ShownProduct, product_card, title_in
from services.search.domain.product import CATEGORY_SEPARATOR, Availability, Product, product_to_json, stored_product
from services.search.domain.query import Condition, FacetField, Keywords, OrderBy, PriceRange

INDEX: Final = "products"
FACET_SIZE: Final = 50
# An entry's version is the product's version and, below it, when its popularity was last written (seconds since 2020,
# 34 years of them), so that both an edit and a new popularity replace what is there and a replay never does.
STATISTICS_BITS: Final = 30
STATISTICS_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)

SCHEMA: Final = IndexSchema(
    INDEX,
    (
        TextField("title", relevance.TITLE_WEIGHT),
        TextField("brand_text", relevance.BRAND_WEIGHT),
        TextField("category_text", relevance.CATEGORY_WEIGHT),
        TextField("detail", relevance.DETAIL_WEIGHT),
        TextField("characters", relevance.CHARACTER_WEIGHT),
        KeywordField("category"),
        KeywordField("category_zh"),
        KeywordField("category_en"),
        KeywordField("brand"),
        KeywordField("tag"),
        KeywordField("attribute"),
        KeywordField("availability"),
        KeywordField("in_stock"),
        KeywordField("shop"),
        KeywordField("product"),
        LongField("price"),
        LongField("popularity"),
        LongField("sellable"),
        DateField("created"),
    ),
)
LANGUAGES: Final = ("zh", "en")
SHOWN_KEPT_BYTES: Final = (
    32 * 1024 * 1024
)  # of a language: payloads, most of which the index keeps too, and what they say
_SHOWN_OVERHEAD_BYTES: Final = 1_024
_LENGTHS: Final = Struct("<5I")
WORD_FIELDS: Final = ("title", "brand_text", "category_text", "detail")
_PHRASE_TOKENS: Final = 2  # one token is no phrase
_SORTS: Final[Mapping[OrderBy, Sort | None]] = {
    OrderBy.RELEVANCE: None,
    OrderBy.PRICE_ASCENDING: Sort("price"),
    OrderBy.PRICE_DESCENDING: Sort("price", descending=True),
    OrderBy.NEWEST: Sort("created", descending=True),
    OrderBy.POPULARITY: Sort("popularity", descending=True),
}
_BOOSTS: Final = (
    Boost("popularity", relevance.POPULARITY_WEIGHT, relevance.POPULARITY_PIVOT),
    Boost("sellable", 2 * relevance.IN_STOCK_WEIGHT, pivot=1.0),
)

log = get_log("product-index")


@dataclass(frozen=True, slots=True)
class IndexedProduct:
    """A product as the catalogue and the log know it: what an entry is made from."""

    product: Product
    create_time: datetime
    popularity: float = 0.0


@dataclass(frozen=True, slots=True)
class Wording:
    """A query in other words, all of which must match."""

    words: tuple[QueryWord, ...]
    phrase: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProductSearch:
    """A search over products. ``required`` of ``words`` must match; ``phrase``: the title tokens of the whole query.

    ``relaxed``: words inside longer words count too, and products with more of the words stand first.
    """

    words: tuple[QueryWord, ...]
    required: int
    relaxed: bool = False
    phrase: tuple[str, ...] = ()
    variants: tuple[Wording, ...] = ()
    conditions: tuple[Condition, ...] = ()
    facets: tuple[FacetField, ...] = ()
    price_bounds: tuple[int, ...] = ()
    order_by: OrderBy = OrderBy.RELEVANCE
    language: str = "zh"
    limit: int = 24
    after: str | None = None


class ProductIndex:
    """Products in the search index."""

    def __init__(self, index: SearchIndex, segmenter: Segmenter) -> None:
        self._index = index
        self._segmenter = segmenter
        self._shown = ShownProducts()

    async def declare(self) -> bool:
        """Return whether a live branch answers; if not, fill one."""
        return await self._index.declare(SCHEMA) is not None

    async def open_branch(self) -> str:
        """Open a branch to fill beside the live one."""
        return await self._index.open_branch(INDEX)

    async def promote(self, branch: str) -> None:
        """Make ``branch`` the one that answers. Raises BranchConflictError."""
        await self._index.promote(INDEX, branch, expected=await self._index.declare(SCHEMA))

    async def write(
        self, products: Sequence[IndexedProduct], now: datetime, *, branch: str | None = None
    ) -> frozenset[str]:
        """Put the products, take the withdrawn ones out; durable and visible when it returns.

        Return the ids of those that were there in the same version or a newer one, and stayed as they were.
        """
        writes = [self._write(each, now) for each in products]
        results = await self._index.bulk(INDEX, writes, branch=branch)
        refused = [result for result in results if result.outcome is Outcome.REJECTED]
        if refused:
            log.warning("products not indexed", count=len(refused), first=refused[0].id, why=refused[0].message)
        await self._index.refresh(INDEX, branch=branch)
        return frozenset(result.id for result in results if result.outcome is Outcome.STALE)

    async def refresh(self) -> None:
        """Return when this replica shows what any has written."""
        await self._index.refresh(INDEX)

    async def search(self, search: ProductSearch) -> IndexPage:
        """Return a page of hits; ``shown`` says what a hit shows."""
        return await self._index.search(INDEX, index_query(search))

    def shown(self, hit: Hit, language: str) -> ShownProduct:
        """Return what a hit shows in ``language``."""
        return self._shown.shown(hit.payload, language)

    async def count(self) -> int:
        """Return how many products can be found."""
        return await self._index.count(INDEX)

    def _write(self, indexed: IndexedProduct, now: datetime) -> Write:
        entry = entry_from_product(indexed, self._segmenter, now)
        return Remove(entry.id, entry.version) if indexed.product.withdrawn else Put(entry)


def payload_of(product: Product) -> bytes:
    """Return what comes back with a hit: titles and finished cards of both languages, and the product.

    Five lengths and their parts, so that an answer copies finished JSON instead of reading and writing it again.
    """
    parts = [title_in(product, language).encode() for language in LANGUAGES]
    parts += [orjson.dumps(product_card(product, language)) for language in LANGUAGES]
    parts.append(orjson.dumps(product_to_json(product)))
    return _LENGTHS.pack(*(len(part) for part in parts)) + b"".join(parts)


class ShownProducts:
    """What products show, by payload and language: the same product is shown by many answers."""

    def __init__(self, kept_bytes: int = SHOWN_KEPT_BYTES) -> None:
        # The payload is the key: what says something else is another key, whatever index or state it came from.
        self._kept: Mapping[str, Recent[bytes, ShownProduct]] = {language: Recent(kept_bytes) for language in LANGUAGES}

    def shown(self, payload: bytes, language: str) -> ShownProduct:
        """Return what the product of a hit shows in ``language``."""
        kept = self._kept[language]
        known = kept.get(payload)
        if known is None:
            known = shown_in(payload, language)
            own = 2 * len(known.title) + len(known.card) + known.read_title.size_bytes
            kept.put(payload, known, len(payload) + own + _SHOWN_OVERHEAD_BYTES)
        return known


def shown_in(payload: bytes, language: str) -> ShownProduct:
    """Read what a hit shows in ``language``."""
    place = LANGUAGES.index(language)
    title = _part(payload, place).decode()
    card = _part(payload, len(LANGUAGES) + place)
    return ShownProduct(title, ReadText(title), card, partial(product_in, payload))


def product_in(payload: bytes) -> Product:
    """Read a hit's product."""
    return stored_product(orjson.loads(_part(payload, 2 * len(LANGUAGES))))


def _part(payload: bytes, place: int) -> bytes:
    lengths = _LENGTHS.unpack_from(payload)
    start = _LENGTHS.size + sum(lengths[:place])
    return payload[start : start + lengths[place]]


def entry_from_product(indexed: IndexedProduct, segmenter: Segmenter, now: datetime) -> Entry:
    """Return what the index keeps of a product."""
    product = indexed.product
    titles = list(product.title.values())
    paths = [path for category in product.categories for path in category.values()]
    words = [*titles, *product.brands, *paths]
    details = [*product.description.values(), *(value for values in product.attributes.values() for value in values)]
    values: dict[str, Any] = {
        "title": _stream(segmenter, titles),
        "brand_text": _stream(segmenter, product.brands),
        "category_text": _stream(segmenter, paths),
        "detail": segmenter.index_stream(" \n ".join((*details, *product.tags))),
        "characters": segmenter.character_stream(" \n ".join(words)),
        "category": _filterable(_category_names(paths)),
        "category_zh": _filterable(_category_paths(category.get("zh", "") for category in product.categories)),
        "category_en": _filterable(_category_paths(category.get("en", "") for category in product.categories)),
        "brand": _filterable(product.brands),
        "tag": _filterable(product.tags),
        "attribute": _filterable(
            attribute_keyword(name, value) for name, values in product.attributes.items() for value in values
        ),
        "availability": product.availability.value,
        "in_stock": "false" if product.availability is Availability.OUT_OF_STOCK else "true",
        "shop": product.shop,
        "product": product.id,
        "popularity": round(indexed.popularity * relevance.POPULARITY_SCALE),
        "sellable": int(product.availability is not Availability.OUT_OF_STOCK),
        "created": indexed.create_time,
    }
    if product.price is not None:
        values["price"] = product.price.amount_minor
    version = (product.version << STATISTICS_BITS) + max(0, int((now - STATISTICS_EPOCH).total_seconds()))
    return Entry(product.id, version, values, payload_of(product))


def index_query(search: ProductSearch) -> IndexQuery:
    """Return the index's own query for a search."""
    sort = _SORTS[search.order_by]
    if not search.words and sort is None:
        sort = _SORTS[OrderBy.POPULARITY]
    text = _text_node(search) if search.words else None
    return IndexQuery(
        text=text,
        tiers=tuple(word_node(word) for word in search.words)
        if search.relaxed and len(search.words) > 1 and sort is None
        else (),
        filters=tuple(_filter(condition) for condition in search.conditions),
        facets=tuple(
            _facet(facet, search) for facet in search.facets if facet is not FacetField.PRICE or search.price_bounds
        ),
        sort=sort,
        boosts=_BOOSTS if text is not None and sort is None else (),
        limit=search.limit,
        after=search.after,
    )


def facet_buckets(page: IndexPage, facet: FacetField, language: str) -> tuple[Bucket, ...]:
    """Return the counts of one facet."""
    return page.facets.get(_facet_field(facet, language), ())


def word_node(word: QueryWord, *, relaxed: bool = False) -> Node:
    """Return what matches one word: itself, its parts in a row, and when ``relaxed`` the words inside it."""
    choices: list[Node] = [Term(field, word.token) for field in WORD_FIELDS]
    if word.single:
        choices.append(Term("characters", word.token))
    if len(word.parts) > 1:
        choices += [Phrase(field, word.parts, relevance.PARTS_WEIGHT) for field in WORD_FIELDS]
    if relaxed:
        choices += [Term(field, inner, relevance.INNER_WEIGHT) for inner in word.inner for field in WORD_FIELDS]
    return Best(tuple(choices), relevance.TIE)


def attribute_keyword(name: str, value: str) -> str:
    """Return the keyword under which an attribute's value is filtered; U+001F stands in no text."""
    return f"{name}\x1f{value}"


def _text_node(search: ProductSearch) -> Node:
    words = tuple(word_node(word, relaxed=search.relaxed) for word in search.words)
    matching: Node = AnyOf(words, search.required) if search.relaxed else AllOf(words)
    node = _with_phrase(matching, search.phrase)
    if not search.variants:
        return node
    others = (_with_phrase(AllOf(tuple(map(word_node, each.words))), each.phrase) for each in search.variants)
    return Best((node, *others))


def _with_phrase(matching: Node, phrase: tuple[str, ...]) -> Node:
    if len(phrase) < _PHRASE_TOKENS:
        return matching
    # The phrase has all the words in it, so it only adds to the score of what matches anyway.
    return AnyOf((matching, Phrase("title", phrase, relevance.PHRASE_WEIGHT)))


def _filter(condition: Condition) -> Filter:
    match condition:
        case PriceRange(at_least, below):
            return RangeFilter("price", at_least, below)
        case Keywords("attribute", values, attribute, negated, always):
            keywords = tuple(attribute_keyword(attribute, value) for value in values)
            return KeywordFilter("attribute", keywords, negated, always)
        case Keywords(field, values, _, negated, always):
            return KeywordFilter(field, values, negated, always)


def _facet(facet: FacetField, search: ProductSearch) -> Facet:
    if facet is FacetField.PRICE:
        return RangesFacet("price", search.price_bounds)
    field = _facet_field(facet, search.language)
    return TermsFacet(field, FACET_SIZE, ignoring=facet.value)


def _facet_field(facet: FacetField, language: str) -> str:
    return f"category_{language}" if facet is FacetField.CATEGORY else facet.value


def _stream(segmenter: Segmenter, texts: Sequence[str]) -> str:
    return " ".join(segmenter.index_stream(text) for text in texts)


def _filterable(values: Iterable[str]) -> tuple[str, ...]:
    """Return the values that can be filtered by; one that is a text of its own is found by its words alone."""
    short = (value for value in values if len(value.encode("utf-8", "replace")) <= KEYWORD_LIMIT_BYTES)
    return tuple(itertools.islice(short, KEYWORD_VALUES_LIMIT))


def _category_paths(paths: Any) -> tuple[str, ...]:
    """Return every path with all that it lies under: "杂货 > 奶酪" and "杂货"."""
    found: dict[str, None] = {}
    for path in paths:
        levels = path.split(CATEGORY_SEPARATOR) if path else []
        found |= dict.fromkeys(CATEGORY_SEPARATOR.join(levels[: depth + 1]) for depth in range(len(levels)))
    return tuple(found)


def _category_names(paths: Sequence[str]) -> tuple[str, ...]:
    """Return all that a category filter may name: paths, what they lie under, and single levels, in every language."""
    levels = [level for path in paths for level in path.split(CATEGORY_SEPARATOR)]
    return tuple(dict.fromkeys((*_category_paths(paths), *levels)))

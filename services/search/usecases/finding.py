"""Finds products for a query: all its words, then a repaired spelling, then some of its words, then its characters."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from services.chassis.searchindex.port import IndexPage
from services.kits.text.segment import QueryWord, Segmenter
from services.kits.text.spelling import Vocabulary, repaired_queries
from services.search.domain.query import Condition, FacetField, MatchedTerms, OrderBy, normalised_query
from services.search.domain.relevance import RELAX_BELOW, words_required
from services.search.store.product_index import ProductIndex, ProductSearch, Wording

MIN_WORDS_TO_RELAX: Final = 2
MISSPELT_MIN: Final = 3  # characters; of two that are found as they are, neither is surely wrong
REPAIR_LIMIT: Final = 64  # characters; nobody mistypes one letter of an essay
WORDS_LIMIT: Final = 64  # of a query in all its wordings; each asks a dozen times, and the index takes 1,024 asks


@dataclass(frozen=True, slots=True)
class Request:
    """A search, checked. ``rules`` and ``variants``: filters and other wordings that Controls ask for."""

    query: str
    language: str
    limit: int
    conditions: tuple[Condition, ...] = ()
    facets: tuple[FacetField, ...] = ()
    order_by: OrderBy = OrderBy.RELEVANCE
    exact_spelling: bool = False
    rules: tuple[Condition, ...] = ()
    variants: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """How the first page was found, so that later pages are found the same way."""

    query: str  # the one that is run: as typed or repaired
    matched: MatchedTerms
    characters: bool = False  # every character is a word of its own: nothing had the words


@dataclass(frozen=True, slots=True)
class Found:
    """A page, how it was found, and the words that it answers."""

    page: IndexPage
    plan: Plan
    words: tuple[QueryWord, ...]


@dataclass(frozen=True, slots=True)
class Finder:
    """What finding needs: the index, the shop's words, the price bounds of facets."""

    index: ProductIndex
    segmenter: Segmenter
    vocabulary: Callable[[], Vocabulary]
    price_bounds: Callable[[], tuple[int, ...]]

    async def first_page(self, request: Request) -> Found:
        """Find the first page and settle the plan."""
        plan = Plan(request.query, MatchedTerms.ALL)
        found = await self.next_page(request, plan, after=None)
        if not found.words:
            return replace(found, plan=replace(plan, matched=MatchedTerms.NONE))
        if not request.exact_spelling and (not found.page.total or self._looks_misspelt(request, found)):
            repaired = await self._repaired(request, found.page.total)
            if repaired:
                return repaired
        if not self._should_relax(request, found):
            return found
        relaxed = await self.next_page(request, replace(plan, matched=MatchedTerms.ANY), after=None)
        if found.page.total or relaxed.page.total:
            return relaxed if relaxed.page.total > found.page.total else found
        by_character = await self.next_page(request, Plan(request.query, MatchedTerms.ANY, characters=True), after=None)
        return by_character if by_character.page.total else relaxed

    async def next_page(self, request: Request, plan: Plan, *, after: str | None) -> Found:
        """Find the page after ``after`` by the plan of the first."""
        words = self._words(plan)
        if not words and plan.query.strip():
            return Found(IndexPage((), 0), plan, ())  # punctuation asks for nothing; only an empty query browses
        relaxed = plan.matched is MatchedTerms.ANY
        # One character of several says too little: where characters are asked for, all of them are.
        required = words_required(len(words)) if relaxed and not plan.characters else len(words)
        variants = self._variants(request, plan, words)
        search = ProductSearch(
            words=words,
            required=required,
            relaxed=relaxed,
            phrase=self.segmenter.phrase(plan.query) if len(words) > 1 and not plan.characters else (),
            variants=variants,
            conditions=(*request.conditions, *request.rules),
            facets=request.facets,
            price_bounds=self.price_bounds() if FacetField.PRICE in request.facets else (),
            order_by=request.order_by,
            language=request.language,
            limit=request.limit,
            after=after,
        )
        shown = (*words, *(word for each in variants for word in each.words))
        return Found(await self.index.search(search), plan, shown)

    async def _repaired(self, request: Request, typed_total: int) -> Found | None:
        """Return the first repaired spelling of which all the words find no fewer products than those typed did.

        Where the query as typed found something too, a repair may change its letters but not leave any out.
        """
        if len(request.query) > REPAIR_LIMIT:
            return None
        for query in repaired_queries(request.query, self.vocabulary()):
            if typed_total and len(query) != len(normalised_query(request.query)):
                continue
            found = await self.next_page(request, Plan(query, MatchedTerms.ALL), after=None)
            if found.page.total >= max(1, typed_total):
                return found
        return None

    def _looks_misspelt(self, request: Request, found: Found) -> bool:
        """Tell whether few products were found by characters that stand side by side nowhere in the shop."""
        if found.page.total >= RELAX_BELOW or request.conditions or len(request.query) < MISSPELT_MIN:
            return False
        vocabulary = self.vocabulary()
        return any(not vocabulary.has_pair(pair) for pair in self.segmenter.loose_pairs(request.query))

    def _variants(self, request: Request, plan: Plan, words: tuple[QueryWord, ...]) -> tuple[Wording, ...]:
        """Return the other wordings, as many as the index takes; a repaired spelling or characters have none."""
        if not request.variants or plan.query != request.query or plan.characters:
            return ()
        found = []
        room = WORDS_LIMIT - sum(1 + len(word.inner) for word in words)
        for query in request.variants:
            others = self.segmenter.query_words(query)
            room -= len(others)
            if room < 0:
                break
            if others:
                found.append(Wording(others, self.segmenter.phrase(query) if len(others) > 1 else ()))
        return tuple(found)

    def _words(self, plan: Plan) -> tuple[QueryWord, ...]:
        if plan.characters:
            return self.segmenter.character_words(plan.query)
        return self.segmenter.query_words(plan.query)

    def _should_relax(self, request: Request, found: Found) -> bool:
        """Few hits with all the words are followed by near ones, unless a filter or a chosen order explains the few."""
        if not found.page.total:
            return True
        free = not request.conditions and request.order_by is OrderBy.RELEVANCE
        return free and len(found.words) >= MIN_WORDS_TO_RELAX and found.page.total < RELAX_BELOW

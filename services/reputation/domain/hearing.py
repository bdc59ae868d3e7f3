"""Owns what is made of a mention when it is read: its text, language, whom it speaks of, how, and to which cluster.

Everything here follows from the mention, the lexicon, the tone model and the source as they stand at that moment; the
result is kept, so that a mention that is met again is not judged anew. Stars that an author gave outrank what a model
makes of his words. A repost without words of its own says what its original says: it takes over brands, products, tone
and aspect, as far as the original is known.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from services.kits.text.language import Language, language_of
from services.reputation.domain.brands import MAX_MATCHES, Lexicon, Matches
from services.reputation.domain.cleaning import own_words, shown_text, spoken_text
from services.reputation.domain.clusters import Place, Prints
from services.reputation.domain.counters import (
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    TONES,
    UNKNOWN,
    UNSURE,
    Scope,
    ScopeKind,
    Tally,
    tally_of_one,
)
from services.reputation.domain.fingerprints import fingerprint_of
from services.reputation.domain.mentions import LAST_TIER, REVIEWS, reference_of

JUDGED_CHARACTERS: Final = 2_000  # of a mention that tone and aspect are judged by; an article says first what it says
OWN_LETTERS: Final = 3  # fewer of them beside a repost say nothing
_BEST_BAD_RATING: Final = 2
_WORST_GOOD_RATING: Final = 4


class JudgedTone(Protocol):
    """What a tone model says of a text. ``label``: negative, neutral or positive; ``unsure``: nearly as likely not."""

    @property
    def label(self) -> str:
        """The tone."""

    @property
    def probability(self) -> float:
        """How likely it is, calibrated."""

    @property
    def unsure(self) -> bool:
        """Whether the model would rather not say."""


ToneOf = Callable[[str, str], JudgedTone | None]  # of (spoken text, language); None without a model
AspectOf = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What a source says of all its mentions. ``is_own``: the shop's own place."""

    tier: int = LAST_TIER
    reach: int | None = None
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What a mention says and of whom. ``probability`` of the tone, 0 for an unknown one."""

    tone: str = UNKNOWN
    probability: float = 0.0
    aspect: str = ""
    brands: tuple[str, ...] = ()
    products: tuple[str, ...] = ()


NOTHING_SAID: Final = Said()


@dataclass(frozen=True, slots=True)
class Mention:
    """A mention as it was read. ``reach`` None: nobody says. Times in microseconds since 1970 UTC."""

    id: str
    shop: str
    source: str
    source_mention_id: str
    tier: int
    published_us: int
    seen_us: int
    language: str
    text: str
    title: str = ""
    author: str = ""
    url: str = ""
    parent: str = ""
    reach: int | None = None
    rating: int | None = None
    is_repost: bool = False
    said: Said = NOTHING_SAID
    cluster_id: str = ""
    begins_cluster: bool = False

    @property
    def spoken(self) -> str:
        """Return its words."""
        return spoken_text(f"{self.title}\n{self.text}" if self.title else self.text)

    def prints(self) -> Prints:
        """Return what it is clustered by."""
        references = [reference_of(self.source, self.source_mention_id)]
        if self.url:
            references.append(self.url)
        parent = self.parent if self.is_repost else ""
        return Prints(self.id, fingerprint_of(self.spoken), tuple(references), parent)

    def at(self, place: Place, original: Said | None) -> "Mention":
        """Return it in its cluster; ``original``: what the cluster's first mention said, None when unknown."""
        said = original if self.is_repost and original is not None else self.said
        return replace(self, cluster_id=place.cluster_id, begins_cluster=place.begins, said=said)

    def scopes(self) -> tuple[Scope, ...]:
        """Return what it counts for."""
        return (
            Scope(self.shop, ScopeKind.SHOP),
            Scope(self.shop, ScopeKind.SOURCE, self.source),
            *(Scope(self.shop, ScopeKind.BRAND, each) for each in self.said.brands),
            *(Scope(self.shop, ScopeKind.PRODUCT, each) for each in self.said.products),
        )

    def tally(self) -> Tally:
        """Return what it adds to each of its scopes."""
        return tally_of_one(
            self.said.tone,
            self.tier,
            reach=self.reach or 0,
            begins_cluster=self.begins_cluster,
            aspect=self.said.aspect,
        )


@dataclass(frozen=True, slots=True)
class Ear:
    """What mentions are read with."""

    lexicon: Lexicon
    tone_of: ToneOf
    aspect_of: AspectOf

    def read(
        self, mention_id: str, payload: Mapping[str, Any], source: SourceFacts, *, shop: str, times_us: tuple[int, int]
    ) -> Mention:
        """Return a mention read from its payload, without its cluster. ``times_us``: published and seen."""
        title, text = shown_text(payload.get("title", "")).replace("\n", " "), shown_text(payload.get("text", ""))
        whole = f"{title}\n{text}" if title else text
        mention = Mention(
            id=mention_id,
            shop=shop,
            source=payload["source"],
            source_mention_id=payload["id"],
            tier=payload.get("tier") or source.tier,
            published_us=times_us[0],
            seen_us=times_us[1],
            language=heard_language(whole, payload.get("language", "")),
            text=text,
            title=title,
            author=payload.get("author", ""),
            url=payload.get("url", ""),
            parent=payload.get("parent", ""),
            reach=payload.get("reach", source.reach),
            rating=payload.get("rating"),
            is_repost=bool(payload.get("parent")) and _letters(own_words(whole)) < OWN_LETTERS,
        )
        matches = self.lexicon.match(whole, is_own=source.is_own or mention.source == REVIEWS)
        return replace(mention, said=self._said(mention, matches, payload.get("product_id", "")))

    def _said(self, mention: Mention, matches: Matches, product_id: str) -> Said:
        products = dict.fromkeys((product_id, *matches.products) if product_id else matches.products)
        spoken = mention.spoken[:JUDGED_CHARACTERS]
        tone, probability = self._tone(mention, spoken)
        return Said(
            tone=tone,
            probability=probability,
            aspect=self.aspect_of(spoken) if spoken else "",
            brands=matches.brands,
            products=tuple(products)[:MAX_MATCHES],
        )

    def _tone(self, mention: Mention, spoken: str) -> tuple[str, float]:
        if mention.rating is not None:
            return tone_of_rating(mention.rating), 1.0
        judged = self.tone_of(spoken, mention.language) if spoken else None
        if judged is None or judged.label not in TONES or judged.label == UNKNOWN:
            return UNKNOWN, 0.0
        return (UNSURE if judged.unsure else judged.label), judged.probability


def heard_language(text: str, stated: str) -> str:
    """Return the language of a text by its script; only a text without letters of a known script is what is stated."""
    by_script = language_of(text)
    if by_script is not Language.UNDETERMINED:
        return by_script
    return stated.partition("-")[0].lower() or Language.UNDETERMINED


def tone_of_rating(rating: int) -> str:
    """Return what 1 to 5 stars say."""
    if rating <= _BEST_BAD_RATING:
        return NEGATIVE
    return POSITIVE if rating >= _WORST_GOOD_RATING else NEUTRAL


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))

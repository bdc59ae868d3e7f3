"""What a mention may be: the public form, its bounds, and the one normalised form that is kept.

A mention is one thing that somebody said in public: a post, an article, a review, a comment. Every refusal names a
reason and a field; nothing is repaired by guessing. Texts that name things (ids, sources, authors) refuse control
characters; what people wrote is kept as it came, for it is evidence, and cleaned where it is read.

Who said it, and where, is its subject in the log, so that one author's mentions keep their order and can be erased.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

from services.reputation.domain.canonical_url import canonical_url
from services.reputation.domain.errors import MentionRefusedError, UrlInvalidError

MENTION_PUBLISHED: Final = "mention-published"
CHANNEL: Final = "social"
REVIEWS: Final = "reviews"  # the source that the shop's own reviews come from

MAX_BATCH_MENTIONS: Final = 500
MAX_ID_CHARACTERS: Final = 128
MAX_SOURCE_CHARACTERS: Final = 32
MAX_AUTHOR_CHARACTERS: Final = 128
MAX_TITLE_CHARACTERS: Final = 512
MAX_TEXT_CHARACTERS: Final = 20_000
MAX_LANGUAGE_CHARACTERS: Final = 35
MAX_PARENT_CHARACTERS: Final = 2_048
MAX_SHOP_CHARACTERS: Final = 64
MAX_PRODUCT_ID_CHARACTERS: Final = 128
MAX_REACH: Final = 10**12
# Tier 1: national media, authorities, hot lists; 2: regional and trade media, voices that many follow; 3: everybody.
BEST_TIER: Final = 1
LAST_TIER: Final = 3
MAX_RATING: Final = 5
FUTURE_TOLERANCE: Final = timedelta(minutes=5)
OLDEST_AGE: Final = timedelta(days=3_653)  # ten years

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_SOURCE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}", re.ASCII)
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)
_CONTENT_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class MentionForm:
    """A mention as it comes. ``id``: the source's own, without one it is made of the content.

    ``tier`` and ``reach`` (people who may have seen it) are what the sender knows of this mention; else the source's
    hold. ``parent``: address or id of what it reposts or answers. ``rating`` (1 to 5) and ``product_id``: of a review.
    """

    source: str
    text: str
    published: datetime
    id: str = ""
    title: str = ""
    author: str = ""
    url: str = ""
    language: str = ""
    tier: int | None = None
    reach: int | None = None
    parent: str = ""
    rating: int | None = None
    product_id: str = ""
    shop: str = ""


@dataclass(frozen=True, slots=True)
class MentionRules:
    """What holds for all mentions of one request."""

    now: datetime
    default_shop: str
    oldest_age: timedelta = OLDEST_AGE


@dataclass(frozen=True, slots=True)
class CheckedMention:
    """A mention in its one normalised form. ``payload`` is what the log keeps."""

    id: str
    published: datetime
    shop: str
    subject: str
    source: str
    payload: dict[str, Any]


def check_mention(form: MentionForm, rules: MentionRules) -> CheckedMention:
    """Return the normalised mention. Raises MentionRefusedError."""
    if not is_source_id(form.source):
        raise MentionRefusedError("SOURCE_INVALID", "a source is 1 to 32 of a-z 0-9 -", field="source")
    published = _published(form.published, rules)
    shop = _name(form.shop or rules.default_shop, MAX_SHOP_CHARACTERS, "shop")
    payload: dict[str, Any] = {"source": form.source, "text": _text(form)}
    if form.title.strip():
        payload["title"] = _written(form.title, MAX_TITLE_CHARACTERS, "title")
    _add_names(payload, form)
    _add_numbers(payload, form)
    mention_id = _name(form.id, MAX_ID_CHARACTERS, "id") if form.id else content_id(payload)
    payload["id"] = mention_id
    return CheckedMention(mention_id, published, shop, subject_of(payload), form.source, payload)


def is_source_id(text: str) -> bool:
    """Tell whether the text can name a source."""
    return _SOURCE.fullmatch(text) is not None


def content_id(payload: Mapping[str, Any]) -> str:
    """Return the id of a mention whose source gave it none: the same words of the same author at the same place."""
    said = "\x00".join(str(payload.get(name, "")) for name in ("url", "author", "title", "text", "parent"))
    return f"content-{blake2b(said.encode(), digest_size=_CONTENT_ID_BYTES).hexdigest()}"


def subject_of(payload: Mapping[str, Any]) -> str:
    """Return who said it, where; of a mention without an author, the mention itself."""
    if payload.get("author"):
        return f"author:{payload['source']}/{payload['author']}"
    return f"mention:{payload['source']}/{payload['id']}"


def writer_of(owner: str, source: str) -> str:
    """Return the owner of a source's ids in the log: one key may write for several sources with ids of their own."""
    return f"{owner}/{source}"


def reference_of(source: str, text: str) -> str:
    """Return the one form of what a parent, an address or an id names: a page, or a thing within a source."""
    try:
        return canonical_url(text)
    except UrlInvalidError:
        return f"{source}/{text}"


def _published(time: datetime, rules: MentionRules) -> datetime:
    if time.tzinfo is None:
        message = "a time needs its zone: 2026-11-23T10:00:00+08:00"
        raise MentionRefusedError("MENTION_TIME_INVALID", message, field="published")
    age = rules.now - time
    if age < -FUTURE_TOLERANCE:
        message = "the time lies more than 5 minutes in the future"
        raise MentionRefusedError("FUTURE_MENTION", message, field="published")
    if age > rules.oldest_age:
        years = rules.oldest_age.days // 365
        raise MentionRefusedError("MENTION_TOO_OLD", f"the time lies more than {years} years back", field="published")
    return time.astimezone(UTC)


def _text(form: MentionForm) -> str:
    if not (form.text.strip() or form.title.strip() or form.parent):
        raise MentionRefusedError("TEXT_MISSING", "a mention has a text, a title or a parent", field="text")
    return _written(form.text, MAX_TEXT_CHARACTERS, "text")


def _add_names(payload: dict[str, Any], form: MentionForm) -> None:
    if form.author:
        payload["author"] = _name(form.author, MAX_AUTHOR_CHARACTERS, "author")
    if form.url:
        try:
            payload["url"] = canonical_url(form.url)
        except UrlInvalidError as error:
            raise MentionRefusedError("URL_INVALID", error.message, field="url") from error
    if form.language:
        if len(form.language) > MAX_LANGUAGE_CHARACTERS or not _LANGUAGE.fullmatch(form.language):
            raise MentionRefusedError("LANGUAGE_INVALID", "a language is a BCP 47 tag", field="language")
        payload["language"] = form.language
    if form.parent:
        payload["parent"] = reference_of(form.source, _name(form.parent, MAX_PARENT_CHARACTERS, "parent"))
    if form.product_id:
        payload["product_id"] = _name(form.product_id, MAX_PRODUCT_ID_CHARACTERS, "product_id")


def _add_numbers(payload: dict[str, Any], form: MentionForm) -> None:
    if form.tier is not None:
        if not BEST_TIER <= form.tier <= LAST_TIER:
            raise MentionRefusedError("TIER_INVALID", f"a tier is {BEST_TIER} to {LAST_TIER}", field="tier")
        payload["tier"] = form.tier
    if form.reach is not None:
        if not 0 <= form.reach <= MAX_REACH:
            raise MentionRefusedError("REACH_INVALID", f"a reach is 0 to {MAX_REACH:,}", field="reach")
        payload["reach"] = form.reach
    if form.rating is not None:
        if not 1 <= form.rating <= MAX_RATING:
            raise MentionRefusedError("RATING_INVALID", f"a rating is 1 to {MAX_RATING}", field="rating")
        payload["rating"] = form.rating


def _name(text: str, limit: int, where: str) -> str:
    """Return a text that names something: not empty, bounded, nothing in it that does not show."""
    if not text.strip():
        raise MentionRefusedError("TEXT_MISSING", f"{where} must not be empty", field=where)
    if len(text) > limit:
        raise MentionRefusedError("TEXT_TOO_LONG", f"{where} has at most {limit} characters", field=where)
    if not text.isprintable() and _CONTROL.search(text):
        raise MentionRefusedError("CONTROL_CHARACTER", f"{where} holds a control character", field=where)
    return text


def _written(text: str, limit: int, where: str) -> str:
    """Return what a person wrote: bounded, and such that it can be stored."""
    if len(text) > limit:
        raise MentionRefusedError("TEXT_TOO_LONG", f"{where} has at most {limit:,} characters", field=where)
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)

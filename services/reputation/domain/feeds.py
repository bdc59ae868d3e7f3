"""Owns reading a feed: RSS and Atom in all their versions by feedparser, JSON Feed by ourselves.

What cannot be read of an item is left out, an item without any text is skipped and counted; times without a zone are
taken for UTC, which is what feedparser does.
"""

import calendar
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

import feedparser  # type: ignore[import-untyped]
import orjson

from services.reputation.domain.canonical_url import canonical_url
from services.reputation.domain.errors import FeedRefusedError, UrlInvalidError
from services.reputation.domain.feed_text import check_markup, feed_text
from services.reputation.domain.mentions import (
    MAX_AUTHOR_CHARACTERS,
    MAX_ID_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    OLDEST_AGE,
    MentionForm,
)

MAX_ITEMS: Final = 500  # of one answer that are taken, those that come first
JSON_FEED: Final = "https://jsonfeed.org/version/"
_UNSHOWN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,2}", re.ASCII)
_XML_CONTENT: Final = {"content-type": "application/xml; charset=utf-8"}
_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One item as far as it can be read."""

    id: str
    url: str
    title: str
    text: str
    author: str
    published: datetime | None
    language: str


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed that was read. ``skipped``: items without a text, or past MAX_ITEMS."""

    title: str
    items: tuple[FeedItem, ...]
    skipped: int = 0


def read_feed(body: bytes, content_type: str = "") -> Feed:
    """Return what a feed says. Costs CPU in seconds at worst. Raises FeedRefusedError."""
    text = feed_text(body, content_type)
    if text.lstrip("\ufeff \t\r\n")[:1] == "{":
        return _json_feed(text)
    check_markup(text)
    # Bytes would be taken for the name of a file of this machine first, a text for an address to fetch.
    parsed = feedparser.parse(
        io.BytesIO(text.encode()), response_headers=_XML_CONTENT, sanitize_html=False, resolve_relative_uris=False
    )
    if not parsed.get("version") and not parsed.entries:
        raise FeedRefusedError("FEED_UNREADABLE", "neither RSS nor Atom nor JSON Feed")
    language = _text(parsed.feed.get("language", ""))
    return _feed(
        _text(parsed.feed.get("title", "")),
        [_xml_item(each, language) for each in parsed.entries[:MAX_ITEMS]],
        len(parsed.entries),
    )


def form_of_item(item: FeedItem, source_id: str, shop: str, now: datetime) -> MentionForm | None:
    """Return an item as a mention; None for one that is older than anything that is kept.

    An item without a time, or dated in the future by a clock or zone that is wrong, counts as published now.
    """
    published = item.published
    if published is None or published > now:
        published = now
    if now - published > OLDEST_AGE - timedelta(days=1):
        return None
    return MentionForm(
        source=source_id,
        id=_short_id(item.id or item.url),
        text=item.text[:MAX_TEXT_CHARACTERS],
        title=item.title[:MAX_TITLE_CHARACTERS],
        author=_UNSHOWN.sub(" ", item.author).strip()[:MAX_AUTHOR_CHARACTERS].strip(),
        url=_url(item.url),
        language=item.language if _LANGUAGE.fullmatch(item.language) else "",
        published=published,
        shop=shop,
    )


def _feed(title: str, items: Sequence[FeedItem], count: int) -> Feed:
    kept = tuple(item for item in items if item.text.strip() or item.title.strip())
    return Feed(title, kept, count - len(kept))


def _xml_item(entry: Mapping[str, Any], language: str) -> FeedItem:
    contents = [_text(each.get("value", "")) for each in entry.get("content", ()) if isinstance(each, Mapping)]
    texts = [*contents, _text(entry.get("summary", ""))]
    return FeedItem(
        id=_text(entry.get("id", "")),
        url=_text(entry.get("link", "")),
        title=_text(entry.get("title", "")),
        text=max(texts, key=len),
        author=_text(entry.get("author", "")),
        published=_time_of_struct(entry.get("published_parsed") or entry.get("updated_parsed")),
        language=_text(entry.get("language", "")) or language,
    )


def _time_of_struct(parsed: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError, TypeError):
        return None


def _json_feed(text: str) -> Feed:
    try:
        feed = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FeedRefusedError("FEED_UNREADABLE", "the JSON cannot be read") from error
    items = feed.get("items")
    if not _text(feed.get("version", "")).startswith(JSON_FEED) or not isinstance(items, list):
        raise FeedRefusedError("FEED_UNREADABLE", "JSON that is no JSON Feed")
    language = _text(feed.get("language", ""))
    read = [_json_item(each, language) for each in items[:MAX_ITEMS] if isinstance(each, dict)]
    return _feed(_text(feed.get("title", "")), read, len(items))


def _json_item(item: Mapping[str, Any], language: str) -> FeedItem:
    identity = item.get("id", "")
    texts = (_text(item.get("content_html")), _text(item.get("content_text")), _text(item.get("summary")))
    return FeedItem(
        id=str(identity) if isinstance(identity, str | int) else "",
        url=_text(item.get("url")) or _text(item.get("external_url")),
        title=_text(item.get("title")),
        text=next((each for each in texts if each), ""),
        author=_json_author(item),
        published=_time_of_text(_text(item.get("date_published")) or _text(item.get("date_modified"))),
        language=_text(item.get("language")) or language,
    )


def _json_author(item: Mapping[str, Any]) -> str:
    """Return the first author's name; version 1.1 has a list of them, version 1 one."""
    authors = item.get("authors")
    first = authors[0] if isinstance(authors, list) and authors else item.get("author")
    return _text(first.get("name")) if isinstance(first, dict) else ""


def _time_of_text(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _short_id(name: str) -> str:
    """Return an id as it can be kept: a long one, or one with characters that do not show, as its hash."""
    if len(name) <= MAX_ID_CHARACTERS and name.strip() and not _UNSHOWN.search(name):
        return name
    return f"item-{blake2b(name.encode('utf-8', 'replace'), digest_size=_ID_BYTES).hexdigest()}" if name.strip() else ""


def _url(text: str) -> str:
    try:
        return canonical_url(text)
    except UrlInvalidError:
        return ""

"""Feeds of every kind give the same items; a broken one gives what can be read, a hostile one a reason."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.reputation.domain.errors import FeedRefusedError
from services.reputation.domain.feeds import MAX_ITEMS, Feed, FeedItem, form_of_item, read_feed
from services.reputation.domain.mentions import (
    MAX_AUTHOR_CHARACTERS,
    MAX_ID_CHARACTERS,
    MAX_TEXT_CHARACTERS,
    MAX_TITLE_CHARACTERS,
    OLDEST_AGE,
    MentionRules,
    check_mention,
)

RECORDED = Path(__file__).parent / "feeds"
NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", ["rss20.xml", "rss10.rdf", "atom10.xml", "feed.json"])
def test_every_kind_of_feed_gives_the_same_items(name: str) -> None:
    feed = read_feed((RECORDED / name).read_bytes())
    assert feed.title == "城市新闻"
    assert feed.skipped == 0
    first, second = feed.items
    assert (first.id, first.url) == ("https://news.example/1", "https://news.example/1")
    assert first.title == "知客超市召回牛奶"
    assert "<b>召回</b>" in first.text
    assert (first.author, first.published, first.language) == ("记者甲", MORNING, "zh-CN")
    assert second.title == "Market opens & closes"
    assert second.published == MORNING - timedelta(days=1)


@pytest.mark.parametrize(
    ("body", "titles"),
    [
        ('<rss version="2.0"><channel><item><title>one</title><item><title>two</title>', ["one", "two"]),
        ('<rss version="2.0"><channel><item><title>a & b < c</title></item></channel></rss>', ["a & b < c"]),
        ('<rss version="2.0"><channel><item><title>&undeclared; x</title></item></channel></rss>', ["&undeclared; x"]),
        ('\n\n<rss version="2.0"><channel><item><title>late</title></item></channel></rss>', ["late"]),
        ('<rss version="2.0"><channel><item><title>x</title></item></channel></rss>trailing <junk', ["x"]),
    ],
)
def test_of_a_broken_feed_what_can_be_read_is_read(body: str, titles: list[str]) -> None:
    assert [item.title for item in read_feed(body.encode()).items] == titles


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "FEED_UNREADABLE"),
        (b"<html><head><title>Log in</title></head><body>Please log in</body></html>", "FEED_UNREADABLE"),
        (b"just words", "FEED_UNREADABLE"),
        (bytes(range(256)) * 20, "FEED_UNREADABLE"),
        (b'{"items": []}', "FEED_UNREADABLE"),
        (b'{"version": "https://jsonfeed.org/version/1.1", "items": 7}', "FEED_UNREADABLE"),
        (b'{"version": "https://jsonfeed.org/version/1.1", "items": [', "FEED_UNREADABLE"),
        (b'{"a":' * 50_000, "FEED_UNREADABLE"),
        (b'<!DOCTYPE r [<!ENTITY a "b">]><rss version="2.0"></rss>', "FEED_ENTITIES"),
    ],
)
def test_what_is_no_feed_is_refused_by_name(body: bytes, reason: str) -> None:
    with pytest.raises(FeedRefusedError) as refused:
        read_feed(body)
    assert refused.value.reason == reason


def test_a_body_that_names_a_file_of_this_machine_does_not_open_it(tmp_path: Path) -> None:
    """feedparser takes bytes for a file's name first."""
    secret = tmp_path / "secret.xml"
    secret.write_text('<rss version="2.0"><channel><item><title>secret</title></item></channel></rss>', "utf-8")
    with pytest.raises(FeedRefusedError):
        read_feed(str(secret).encode())


def test_so_many_items_are_taken_and_the_rest_is_counted() -> None:
    items = "".join(f"<item><title>t{n}</title></item>" for n in range(MAX_ITEMS + 2))
    feed = read_feed(f'<rss version="2.0"><channel>{items}</channel></rss>'.encode())
    assert (len(feed.items), feed.skipped, feed.items[0].title) == (MAX_ITEMS, 2, "t0")
    listed = [{"id": str(n), "content_text": "x"} for n in range(MAX_ITEMS + 1)]
    body = orjson.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [*listed, 7]})
    assert (len(read_feed(body).items), read_feed(body).skipped) == (MAX_ITEMS, 2)


def test_an_item_without_words_is_skipped() -> None:
    feed = read_feed(b'<rss version="2.0"><channel><item><link>https://a.example/</link></item></channel></rss>')
    assert feed == Feed("", (), 1)


@pytest.mark.parametrize(
    "item",
    [
        {"id": ["x"], "content_text": "t", "authors": "x", "date_published": "yesterday"},
        {"id": 7, "content_text": "t", "authors": [], "author": {"name": 7}, "url": {}},
        {"content_html": 5, "content_text": "t", "date_published": "9999-12-31T23:59:59-23:00"},
        {"content_text": "t", "authors": [None]},
    ],
)
def test_a_json_item_of_another_shape_is_read_as_far_as_it_goes(item: dict[str, Any]) -> None:
    body = orjson.dumps({"version": "https://jsonfeed.org/version/1", "items": [item]})
    (read,) = read_feed(body).items
    assert (read.text, read.author, read.url, read.published) == ("t", "", "", None)


def item(**fields: Any) -> FeedItem:
    given: dict[str, Any] = {"id": "1", "url": "https://n.example/1?utm_source=x", "title": "t", "text": "x"}
    return FeedItem(**{**given, "author": "a", "published": MORNING, "language": "zh-CN", **fields})


def checked(read: FeedItem) -> dict[str, Any]:
    form = form_of_item(read, "city-news", "main", NOW)
    assert form is not None
    return check_mention(form, MentionRules(NOW, "main")).payload


def test_an_item_becomes_a_mention() -> None:
    assert checked(item()) == {
        "id": "1",
        "source": "city-news",
        "title": "t",
        "text": "x",
        "author": "a",
        "url": "https://n.example/1",
        "language": "zh-CN",
    }


@pytest.mark.parametrize(
    ("fields", "field", "expected"),
    [
        ({"url": "javascript:alert(1)"}, "url", None),
        ({"language": "中文"}, "language", None),
        (
            {"author": "a\x00\u202eb" + "c" * MAX_AUTHOR_CHARACTERS},
            "author",
            ("a b" + "c" * 200)[:MAX_AUTHOR_CHARACTERS],
        ),
        ({"title": "t" * (MAX_TITLE_CHARACTERS + 1)}, "title", "t" * MAX_TITLE_CHARACTERS),
        ({"text": "t" * (MAX_TEXT_CHARACTERS + 1)}, "text", "t" * MAX_TEXT_CHARACTERS),
        ({"id": ""}, "id", "https://n.example/1?utm_source=x"),
    ],
)
def test_what_a_mention_cannot_hold_is_cut_or_left_out(fields: dict[str, Any], field: str, expected: Any) -> None:
    assert checked(item(**fields)).get(field) == expected


@pytest.mark.parametrize("name", ["i" * (MAX_ID_CHARACTERS + 1), "a\x00b", "a\ud800b"])
def test_an_id_that_cannot_be_kept_is_hashed(name: str) -> None:
    assert checked(item(id=name))["id"].startswith("item-")
    assert checked(item(id=name))["id"] != checked(item(id=name + "x"))["id"]


def test_an_item_without_any_name_is_known_by_its_content() -> None:
    assert checked(item(id=" ", url=" "))["id"].startswith("content-")


@pytest.mark.parametrize("published", [None, NOW + timedelta(hours=8)])
def test_an_item_without_a_credible_time_is_published_now(published: datetime | None) -> None:
    form = form_of_item(item(published=published), "city-news", "main", NOW)
    assert form is not None
    assert form.published == NOW


def test_an_item_that_is_too_old_for_the_log_is_no_mention() -> None:
    assert form_of_item(item(published=NOW - OLDEST_AGE), "city-news", "main", NOW) is None


hostile = st.text(st.sampled_from("<>&!/[]-?\"'=abCDATA \n\u202e\x00中:"), max_size=200)


@settings(deadline=None, max_examples=200)
@given(
    hostile, st.sampled_from(["{}", '<rss version="2.0"><channel><item><title>{}', "<feed>{}</feed>", "<!DOCTYPE {}"])
)
def test_no_text_breaks_the_reader(text: str, around: str) -> None:
    try:
        feed = read_feed(around.replace("{}", text).encode("utf-8", "replace"))
    except FeedRefusedError:
        return
    for read in feed.items:
        checked(read)

"""A feed's bytes: read in whatever encoding they are, refused by name where they are made to hurt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.reputation.domain import feed_text as bounds
from services.reputation.domain.errors import FeedRefusedError
from services.reputation.domain.feed_text import check_markup, feed_text

CHINESE = "<rss><channel><title>知客超市的牛奶又上市了</title></channel></rss>"


def xml(encoding: str) -> str:
    return f'<?xml version="1.0" encoding="{encoding}"?>{CHINESE}'


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (CHINESE.encode(), ""),
        (xml("utf-8").encode(), "text/xml"),
        (b"\xef\xbb\xbf" + CHINESE.encode(), ""),
        (xml("utf-16").encode("utf-16"), "application/rss+xml"),
        (CHINESE.encode("utf-32"), ""),
        (xml("utf-16").encode("utf-16-le"), ""),
        (xml("utf-16").encode("utf-16-be"), ""),
        (xml("gb2312").encode("gb18030"), "text/xml"),
        (xml("GBK").encode("gb18030"), ""),
        (CHINESE.encode("gb18030"), "text/xml; charset=GB2312"),
        (CHINESE.encode("gb18030"), ""),  # nobody says so
        (xml("gb2312").encode(), ""),  # it says something wrong
        (CHINESE.encode(), "text/xml; charset=iso-8859-1"),
        (CHINESE.encode("gb18030"), "text/xml; charset=utf-8"),
        (xml("no-such-encoding").encode(), 'text/xml; charset="base64"'),
        (xml("utf-7").encode(), "text/xml; charset=utf-7"),
        (CHINESE.encode("big5"), "text/xml; charset=big5"),
    ],
)
def test_the_same_words_come_out_of_any_encoding(body: bytes, content_type: str) -> None:
    assert feed_text(body, content_type) == CHINESE


def test_old_western_feeds_keep_their_quotes_and_accents() -> None:
    body = "<rss>caf\u00e9 \u201cx\u201d</rss>".encode("windows-1252")
    assert feed_text(body, "text/xml; charset=iso-8859-1") == "<rss>caf\u00e9 \u201cx\u201d</rss>"


def test_characters_that_no_xml_holds_become_blanks() -> None:
    assert feed_text(b"<a>\x00\x0b\x1f\xef\xbf\xbf</a>") == "<a>    </a>"


@given(st.binary(max_size=300), st.text(max_size=40))
def test_any_bytes_become_text_that_can_be_encoded(body: bytes, content_type: str) -> None:
    feed_text(body, content_type).encode()


def test_a_feed_has_so_many_bytes_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MAX_FEED_BYTES", 100)
    assert feed_text(b"x" * 100)
    with pytest.raises(FeedRefusedError) as refused:
        feed_text(b"x" * 101)
    assert refused.value.reason == "FEED_TOO_LARGE"


def reason_of(text: str) -> str:
    try:
        check_markup(text)
    except FeedRefusedError as error:
        return error.reason
    return ""


BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))


@pytest.mark.parametrize(
    "prolog",
    [
        f'<!DOCTYPE rss [<!ENTITY e0 "lol">{BOMB}]>',
        '<!DOCTYPE rss [<!ENTITY secret SYSTEM "file:///etc/passwd">]>',
        "<!doctype rss\n[<!ELEMENT rss ANY>]>",
        "<!ENTITY a 'b'>",
        '<!-- ok --><!DOCTYPE rss [<!ENTITY % p SYSTEM "http://10.0.0.1/x">%p;]>',
    ],
)
def test_a_feed_that_declares_entities_is_refused(prolog: str) -> None:
    assert reason_of(f"{prolog}<rss>&e8;</rss>") == "FEED_ENTITIES"


@pytest.mark.parametrize(
    "text",
    [
        CHINESE,
        '<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/x.dtd"><rss></rss>',
        "<rss><title>how to write &lt;!ENTITY in XML</title></rss>",
        "<rss><![CDATA[<!ENTITY x 'y'>" + "<p>" * 1_000 + "]]></rss>",
        "<rss><description>" + "<br>" * 1_000 + "</description></rss>",
        "no markup at all",
        "",
    ],
)
def test_an_honest_feed_passes(text: str) -> None:
    assert reason_of(text) == ""


@pytest.mark.parametrize(
    ("at_the_bound", "past_it", "reason"),
    [
        ("<a>" * bounds.MAX_DEPTH, "<a>" * (bounds.MAX_DEPTH + 1), "FEED_MARKUP"),
        ("<a " + "b=" * bounds.MAX_ATTRIBUTES + ">", "<a " + "b=" * (bounds.MAX_ATTRIBUTES + 1) + ">", "FEED_MARKUP"),
        ("<a" + " " * bounds.MAX_TAG_CHARACTERS + ">", "<a " + " " * bounds.MAX_TAG_CHARACTERS + ">", "FEED_MARKUP"),
        ("<a/>" * bounds.MAX_TAGS_OF_NAME, "<a/>" * (bounds.MAX_TAGS_OF_NAME + 1), "FEED_TOO_LARGE"),
        ("&" * bounds.MAX_REFERENCES, "&" * (bounds.MAX_REFERENCES + 1), "FEED_TOO_LARGE"),
    ],
)
def test_markup_has_bounds(at_the_bound: str, past_it: str, reason: str) -> None:
    assert reason_of(at_the_bound) == ""
    assert reason_of(past_it) == reason


def test_tags_of_many_names_are_counted_together() -> None:
    names = [f"<n{number % 10}/>" for number in range(bounds.MAX_TAGS)]
    assert reason_of("".join(names)) == ""
    assert reason_of("".join([*names, "<n0/>"])) == "FEED_TOO_LARGE"
    assert reason_of("<" * (2 * bounds.MAX_TAGS + 1)) == "FEED_TOO_LARGE"


@pytest.mark.parametrize("opening", ["<!--", "<![CDATA[", "<?"])
def test_what_nobody_closes_ends_the_feed(opening: str) -> None:
    assert reason_of("<rss>" + opening + "<a>" * (bounds.MAX_DEPTH + 1)) == ""

"""Owns turning the bytes of a feed into text that may be parsed, and refusing what is made to hurt its reader.

feedparser is patient with everything, at any price: entities that unfold to gigabytes (an expat that is new enough
stops them after a second, older ones do not), 500 tags of 1,000 attributes (40 s), an item of 20,000 categories (10 s),
four megabytes of ampersands (a minute). So the bytes are decoded and looked through here first. What passes still costs
a second or two at worst, and is read by a process that may be ended (jobs/feed_reader.py).
"""

import codecs
import re
from collections import Counter
from typing import Final

from services.reputation.domain.errors import FeedRefusedError

MAX_FEED_BYTES: Final = 4 * 1024 * 1024
MAX_TAGS: Final = 40_000
MAX_TAGS_OF_NAME: Final = 6_000
MAX_TAG_CHARACTERS: Final = 8_192
MAX_ATTRIBUTES: Final = 64  # of one tag
MAX_REFERENCES: Final = 150_000  # of characters and entities: as many as two megabytes of escaped HTML have
MAX_DEPTH: Final = 256

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_STARTS: Final = ((b"<\x00?\x00", "utf-16-le"), (b"\x00<\x00?", "utf-16-be"))
_DECLARED: Final = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']")
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
# Who says gb2312 or gbk writes gb18030, their superset; who says latin-1 writes windows-1252.
_MEANT: Final = {"gb2312": "gb18030", "gbk": "gb18030", "iso8859-1": "windows-1252", "ascii": "windows-1252"}
_GUESSES: Final = ("utf-8", "gb18030")
_LAST_RESORT: Final = "windows-1252"
_NEVER: Final = frozenset({"utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "charmap", "undefined"})
_XML_DECLARATION: Final = re.compile(r"\A\s*<\?xml[^>]{0,400}\?>")
_ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_FIRST_ELEMENT: Final = re.compile(r"<[A-Za-z_]")
_CLOSINGS: Final = {"<!--": "-->", "<![CDATA[": "]]>", "<?": "?>"}
_ASIDE: Final = re.compile(r"<!--|<!\[CDATA\[|<\?")
_VOID: Final = frozenset({"br", "hr", "img", "input", "wbr"})  # HTML that its writer forgot to escape
_TAG: Final = re.compile(r"<(?P<close>/?)(?P<name>[A-Za-z_][\w.:-]{0,64})(?P<rest>[^<>]*)>?")


def feed_text(body: bytes, content_type: str = "") -> str:
    """Return a feed as text without its XML declaration. Raises FeedRefusedError."""
    if len(body) > MAX_FEED_BYTES:
        raise FeedRefusedError("FEED_TOO_LARGE", f"a feed has at most {MAX_FEED_BYTES:,} bytes")
    text = _ILLEGAL.sub(" ", _decoded(body, content_type))
    return _XML_DECLARATION.sub("", text, count=1)


def check_markup(text: str) -> None:
    """Raise FeedRefusedError for XML that would cost its parser more than it can be worth."""
    first = _FIRST_ELEMENT.search(text)
    prolog = text[: first.start()] if first else text
    if "<!entity" in prolog.lower() or _has_subset(prolog):
        raise FeedRefusedError("FEED_ENTITIES", "a feed that declares entities of its own is not read")
    if text.count("<") > 2 * MAX_TAGS or text.count("&") > MAX_REFERENCES:
        message = f"a feed has at most {MAX_TAGS:,} tags and {MAX_REFERENCES:,} references"
        raise FeedRefusedError("FEED_TOO_LARGE", message)
    _check_tags(text if first is None else text[first.start() :])


def _decoded(body: bytes, content_type: str) -> str:
    """Return the text in the encoding that its first bytes, the answer's header or the XML declaration name.

    What says something wrong is tried as UTF-8, then as Chinese, then read as anything at all.
    """
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, errors="replace")
    for start, encoding in _STARTS:
        if body.startswith(start):
            return body.decode(encoding, errors="replace")
    for name in (*_named(body, content_type), *_GUESSES):
        try:
            return body.decode(name)
        except UnicodeError:
            continue
    return body.decode(_LAST_RESORT, errors="replace")


def _named(body: bytes, content_type: str) -> list[str]:
    charset, declared = _CHARSET.search(content_type), _DECLARED.search(body[:1_024])
    names = [charset.group(1)] if charset else []
    names += [declared.group(1).decode("ascii")] if declared else []
    known: list[str] = []
    for name in names:
        try:
            codec = codecs.lookup(name)
        except LookupError:
            continue
        if codec.name not in _NEVER and codec._is_text_encoding:  # base64 and the like are no encodings of text
            known.append(_MEANT.get(codec.name, codec.name))
    # UTF-8 hardly ever fits by accident, other encodings often do: what is UTF-8 is UTF-8, whatever it is called.
    return ["utf-8", *known]


def _has_subset(prolog: str) -> bool:
    start = prolog.lower().find("<!doctype")
    return start >= 0 and "[" in prolog[start:]


def _check_tags(text: str) -> None:
    depth, names = 0, Counter[str]()
    for match in _TAG.finditer(_without_asides(text)):
        rest = match["rest"]
        if len(rest) > MAX_TAG_CHARACTERS or rest.count("=") > MAX_ATTRIBUTES:
            message = f"a tag has at most {MAX_TAG_CHARACTERS:,} characters and {MAX_ATTRIBUTES} attributes"
            raise FeedRefusedError("FEED_MARKUP", message)
        if match["close"]:
            depth -= 1
            continue
        name = match["name"].lower()
        names[name] += 1
        depth += not (rest.endswith("/") or name in _VOID)
        if depth > MAX_DEPTH:
            raise FeedRefusedError("FEED_MARKUP", f"elements lie at most {MAX_DEPTH} deep")
    if sum(names.values()) > MAX_TAGS or any(count > MAX_TAGS_OF_NAME for count in names.values()):
        raise FeedRefusedError("FEED_TOO_LARGE", f"a feed has at most {MAX_TAGS_OF_NAME:,} elements of one name")


def _without_asides(text: str) -> str:
    """Return the text without comments, character data and instructions; one that nobody closes ends the text."""
    pieces: list[str] = []
    position = 0
    while match := _ASIDE.search(text, position):
        pieces.append(text[position : match.start()])
        closing = _CLOSINGS[match.group()]
        end = text.find(closing, match.end())
        if end < 0:
            return "".join(pieces)
        position = end + len(closing)
    pieces.append(text[position:])
    return "".join(pieces)

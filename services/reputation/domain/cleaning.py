"""Owns what a mention says: its text without markup, and that text without what only points elsewhere.

``shown_text`` is for people: HTML becomes text, scripts are dropped, emoji stay (those that sites write as pictures
too, by their alternative text), marks that turn text around are removed. ``spoken_text`` is for judging: addresses,
handles and the marks of a repost are gone. Each takes time in proportion to the text, whatever the text: the parser of
the standard library does not (it needs 14 s for 64 kB of ``<a b="``), so markup is read here.
"""

import re
import unicodedata
from html import unescape
from typing import Final

MAX_TEXT_CHARACTERS: Final = 20_000
MAX_MARKS: Final = 4  # combining marks on one character; languages need three, the rest is decoration or an attack

_DROPPED: Final = frozenset({"script", "style", "template", "noscript", "iframe", "object", "svg", "math", "head"})
_BLOCK_NAMES: Final = (
    "address article aside blockquote br caption dd div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr"
    " li main nav ol p pre section table tbody tfoot thead tr ul"
)
_INLINE_NAMES: Final = (
    "a abbr acronym area audio b base bdi bdo big body button canvas center cite code col colgroup data datalist del"
    " details dfn dialog dir em embed fieldset font frame frameset html i img input ins kbd label legend link map mark"
    " menu meta meter nobr optgroup output param picture progress q rb rp rt rtc ruby s samp search select slot small"
    " source span strike strong sub summary sup textarea time title track tt u var video wbr"
)
_BLOCKS: Final = frozenset(_BLOCK_NAMES.split())
_CELLS: Final = frozenset({"td", "th", "option"})
_INLINE: Final = frozenset(_INLINE_NAMES.split())
_TAGS: Final = _DROPPED | _BLOCKS | _CELLS | _INLINE

_TAG: Final = re.compile(r"</?(?P<name>[A-Za-z][A-Za-z0-9:-]{0,31})(?P<rest>(?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)>")
_PLAIN_TAG: Final = re.compile(r"</?(?P<name>[A-Za-z][A-Za-z0-9:-]{0,31})(?P<rest>[^<>]*)>")
_ALTERNATIVE: Final = re.compile(r"\salt\s*=\s*(?:\"(?P<one>[^\"]*)\"|'(?P<two>[^']*)')", re.IGNORECASE)
_HUGE_NUMBER: Final = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9A-Fa-f]{7,});?")
_REPLACEMENT: Final = "\ufffd"

# Format characters that show nothing: soft hyphens, zero-width ones, and the marks that turn text around.
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a]"
)
_EMOJI: Final = "\u203c-\u3299\ufe0f\U0001f000-\U0001faff\U000e0020-\U000e007f"
_LOOSE_JOINER: Final = re.compile(f"(?<![{_EMOJI}])\u200d|\u200d(?![{_EMOJI}])")
_TAGGED: Final = re.compile("(\U0001f3f4[\U000e0020-\U000e007f]{1,8})|[\U000e0000-\U000e007f]+")  # flags of regions
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_BLANKS: Final = re.compile(r"[^\S\n]+")
_LINES: Final = re.compile(r" ?\n ?(?:\n ?)*")

_ADDRESS: Final = re.compile(r"(?:https?://|www\.)[!-;=?-~]+", re.IGNORECASE)
# A handle ends at the first character that none has: a colon, a blank, punctuation. The usual "@\S+" would swallow a
# whole Chinese post. A longer run is no handle: then only the sign goes.
_HANDLE: Final = re.compile(r"(?<![A-Za-z0-9._%+-])[@＠][\w\u00b7-]{1,30}(?![\w\u00b7-])")
_HANDLE_SIGN: Final = re.compile(r"(?<![A-Za-z0-9._%+-])[@＠](?=\w)")
_REPOST: Final = re.compile(r"(?://|\brt\b|\bvia\b|回复|转发|轉發)?\s*[@＠][\w\u00b7-]{1,30}\s*[:：]", re.IGNORECASE)
_BARE_REPOST: Final = re.compile(
    r"^\s*(?:转发微博|轉發微博|快转微博|转发|轉發|repost)\s*[。.!！]?\s*(?=//|$)", re.IGNORECASE
)
_REPOSTED: Final = re.compile(r"//\s*[@＠]")


def shown_text(raw: str) -> str:
    """Return what a person would read, at most MAX_TEXT_CHARACTERS of it; lines are parted by single line feeds."""
    text = raw[:MAX_TEXT_CHARACTERS]
    if "<" in text or "&" in text:
        text = _without_markup(text)
    if not text.isascii():
        text = _without_invisible(text)
    text = _CONTROL.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))
    return _LINES.sub("\n", _BLANKS.sub(" ", text)).strip()


def spoken_text(shown: str) -> str:
    """Return what the words of a shown text are. Where nothing but a handle is left, the handle is what was said."""
    text = _ADDRESS.sub(" ", shown)
    if "@" not in text and "＠" not in text:
        return _BLANKS.sub(" ", _BARE_REPOST.sub("", text)).strip()
    text = _BARE_REPOST.sub("", _REPOST.sub(" ", text))
    without = _BLANKS.sub(" ", _HANDLE_SIGN.sub(" ", _HANDLE.sub(" ", text))).strip()
    return without or _BLANKS.sub(" ", _HANDLE_SIGN.sub(" ", text)).strip()


def own_words(shown: str) -> str:
    """Return what the one who reposts adds: what stands before the first "//@", spoken."""
    return spoken_text(_REPOSTED.split(shown, maxsplit=1)[0])


def _without_markup(text: str) -> str:
    """Replace tags; what only looks like one (``a<b``, ``<3``, ``<三星>``) is text. Comments and scripts go whole."""
    pieces: list[str] = []
    position = 0
    while (start := text.find("<", position)) >= 0:
        pieces.append(_unescaped(text[position:start]))
        if text.startswith(("<!", "<?"), start):
            position = _after_declaration(text, start)
            continue
        match = _TAG.match(text, start) or _PLAIN_TAG.match(text, start)
        name = match["name"].lower() if match else ""
        if match is None or not (name in _TAGS or ":" in name or "-" in name):
            pieces.append("<")
            position = start + 1
            continue
        position = match.end()
        if name in _DROPPED and text[start + 1] != "/" and not match["rest"].endswith("/"):
            position = _after_element(text, name, position)
        pieces.append(_instead_of(name, match["rest"]))
    pieces.append(_unescaped(text[position:]))
    return "".join(pieces)


def _after_declaration(text: str, start: int) -> int:
    closing, offset = ("-->", 4) if text.startswith("<!--", start) else ("]]>", 9)
    if not text.startswith(("<!--", "<![CDATA["), start):
        closing, offset = ">", 2
    end = text.find(closing, start + offset)
    return len(text) if end < 0 else end + len(closing)


def _after_element(text: str, name: str, position: int) -> int:
    """Return where the content of an element that is dropped ends; nobody closes it: the rest is its content."""
    closing = re.compile(f"</{name}[^<>]*>", re.IGNORECASE).search(text, position)
    return len(text) if closing is None else closing.end()


def _instead_of(name: str, rest: str) -> str:
    if name in _BLOCKS:
        return "\n"
    if name in _CELLS or name in _DROPPED:
        return " "
    if name == "img":
        alternative = _ALTERNATIVE.search(rest)
        if alternative is not None:
            return _unescaped(alternative["one"] or alternative["two"] or "")
    return ""


def _unescaped(text: str) -> str:
    """Resolve character references. One with thousands of digits would make ``int`` refuse it."""
    return unescape(_HUGE_NUMBER.sub(_REPLACEMENT, text)) if "&" in text else text


def _without_invisible(text: str) -> str:
    """Remove what shows nothing or turns text around; emoji keep their joiners, variants and flags."""
    text = _SURROGATE.sub(_REPLACEMENT, _INVISIBLE.sub("", text))
    if "\u200d" in text:
        text = _LOOSE_JOINER.sub("", text)
    if not text.isascii() and max(text) >= "\U000e0000":
        text = _TAGGED.sub(r"\1", text)
    if any(map(unicodedata.combining, text)):
        text = _with_few_marks(text)
    return unicodedata.normalize("NFC", text)


def _with_few_marks(text: str) -> str:
    """Keep the first marks of each character: ordering thousands of them costs their number squared."""
    kept: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= MAX_MARKS:
            kept.append(char)
    return "".join(kept)

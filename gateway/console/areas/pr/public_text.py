"""What strangers wrote, made safe to look at: marks that turn the direction of a line are shown, not obeyed."""

import re
import unicodedata
from typing import Final
from urllib.parse import urlsplit

CUT: Final = "…"
_DIRECTION: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_KEPT: Final = frozenset("\n\t\u200c\u200d")  # joiners belong to scripts and emoji
URL_LIMIT: Final = 2_000


def shown(text: str, limit: int = 0) -> str:
    """Return a text without anything that moves other text; with a limit, cut there."""
    plain = _DIRECTION.sub(lambda mark: f"[U+{ord(mark[0]):04X}]", text)
    plain = "".join(each for each in plain if each in _KEPT or unicodedata.category(each) not in ("Cc", "Cf", "Cs"))
    return plain if not limit or len(plain) <= limit else plain[:limit].rstrip() + CUT


def safe_url(url: str) -> str:
    """Return an address that a browser may follow to another site, "" for any other."""
    if len(url) > URL_LIMIT:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and parts.hostname else ""

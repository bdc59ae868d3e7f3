"""The command's words in the reader's language, out of TOML catalogs with the same keys."""

import os
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

LANGUAGES = ("en", "zh")
_FOLDER = Path(__file__).parent / "words"


def language() -> str:
    """Return "zh" or "en": ZHIKE_LANG, else the terminal's locale, else English."""
    for variable in ("ZHIKE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable, "")
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


@lru_cache(maxsize=len(LANGUAGES))
def catalog(name: str) -> dict[str, str]:
    """Return all words of a language by dotted key."""
    tree = tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return {f"{section}.{key}": text for section, words in tree.items() for key, text in words.items()}


def t(key: str, **values: Any) -> str:
    """Return the words of ``key`` with its placeholders filled. Raises KeyError for an unknown key."""
    return catalog(language())[key].format(**values) if values else catalog(language())[key]

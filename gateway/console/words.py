"""The words of the pages: TOML catalogs, one per area and language, with stable dotted keys and plural forms."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from babel import Locale

from gateway.parameters import LANGUAGES

FOLDER: Final = Path(__file__).parent / "words"
PLURAL_FORMS: Final = frozenset({"zero", "one", "two", "few", "many", "other"})
PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")

Entry = str | Mapping[str, str]
Catalog = Mapping[str, Entry]


def is_plural(value: object) -> bool:
    """Say whether a table holds the plural forms of one text."""
    return isinstance(value, dict) and bool(value) and set(value) <= PLURAL_FORMS


def flattened(table: Mapping[str, Any], prefix: str = "") -> dict[str, Entry]:
    """Return a nested table by dotted keys."""
    flat: dict[str, Entry] = {}
    for name, value in table.items():
        key = f"{prefix}{name}"
        if isinstance(value, str) or is_plural(value):
            flat[key] = value
        else:
            flat |= flattened(value, f"{key}.")
    return flat


@cache
def catalog(language: str) -> Catalog:
    """Return all words of a language. Raises ValueError for a key that two areas have."""
    words: dict[str, Entry] = {}
    for path in sorted(FOLDER.glob(f"*.{language}.toml")):
        own = flattened(tomllib.loads(path.read_text(encoding="utf-8")))
        twice = words.keys() & own.keys()
        if twice:
            raise ValueError(f"{path.name} repeats {min(twice)}")
        words |= own
    return words


@cache
def _plural_form(language: str, count: float) -> str:
    return str(Locale(language).plural_form(count))


class Words:
    """Says things in one language. A key that does not exist shows as ⟨key⟩, which no test lets pass."""

    def __init__(self, language: str) -> None:
        assert language in LANGUAGES
        self.language = language
        self._catalog = catalog(language)

    def __call__(self, key: str, /, **values: object) -> str:
        """Return a text with its placeholders filled; ``count`` chooses the plural form."""
        entry = self._catalog.get(key)
        if entry is None:
            return f"⟨{key}⟩"
        if not isinstance(entry, str):
            count = values.get("count", 0)
            form = _plural_form(self.language, abs(count) if isinstance(count, int | float) else 0)
            entry = entry.get(form) or entry["other"]
        return PLACEHOLDER.sub(lambda match: str(values.get(match[1], match[0])), entry)

    def has(self, key: str) -> bool:
        """Say whether a key exists: for texts by an outside name, such as an error's reason."""
        return key in self._catalog

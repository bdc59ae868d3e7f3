"""Query parameters, declared once: the same table reads them on the hot path and documents them in the OpenAPI file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from urllib.parse import unquote_to_bytes

from gateway.errors import ParameterUnknownError
from services.chassis.errors import InvalidArgumentError

FIELDS_LIMIT: Final = 256  # name=value pairs in one query string
MAP_ITEMS_LIMIT: Final = 64
MAP_VALUE_LIMIT: Final = 2_048
MAP_KEY: Final = re.compile(r"[a-z][a-z0-9_.]{0,63}", re.ASCII)
LANGUAGES: Final = ("zh", "en")
DEFAULT_LANGUAGE: Final = "zh"


class Parameter(Protocol):
    """One query parameter."""

    @property
    def name(self) -> str:
        """The name in the query string; of a map, the prefix before the point."""

    @property
    def description(self) -> str:
        """What it does, for the documentation."""

    @property
    def absent(self) -> Any:
        """The value when it is not given."""

    def read(self, texts: Sequence[str]) -> Any:
        """Return the value of what was given, in order. Raises InvalidArgumentError."""

    def schema(self) -> dict[str, Any]:
        """Return its JSON schema."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text of at most ``limit`` characters."""

    name: str
    description: str
    limit: int
    absent: str = ""

    def read(self, texts: Sequence[str]) -> str:
        return _bounded(self.name, _single(self.name, texts), self.limit)

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "maxLength": self.limit}


@dataclass(frozen=True, slots=True)
class Texts:
    """A text that may come several times."""

    name: str
    description: str
    limit: int
    items_limit: int
    absent: tuple[str, ...] = ()

    def read(self, texts: Sequence[str]) -> tuple[str, ...]:
        if len(texts) > self.items_limit:
            raise _invalid(self.name, f"may come at most {self.items_limit} times")
        return tuple(_bounded(self.name, text, self.limit) for text in texts)

    def schema(self) -> dict[str, Any]:
        items = {"type": "string", "maxLength": self.limit}
        return {"type": "array", "items": items, "maxItems": self.items_limit}


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number."""

    name: str
    description: str
    minimum: int
    maximum: int
    absent: int

    def read(self, texts: Sequence[str]) -> int:
        text = _single(self.name, texts)
        if not (text.isascii() and text.removeprefix("-").isdecimal() and len(text) <= 12):
            raise _invalid(self.name, "must be a whole number")
        number = int(text)
        if not self.minimum <= number <= self.maximum:
            raise _invalid(self.name, f"must lie in {self.minimum} to {self.maximum}")
        return number

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum, "default": self.absent}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    name: str
    description: str
    words: tuple[str, ...]
    absent: str = ""

    def read(self, texts: Sequence[str]) -> str:
        text = _single(self.name, texts)
        if text not in self.words:
            raise _invalid(self.name, f"must be one of {', '.join(self.words)}")
        return text

    def schema(self) -> dict[str, Any]:
        words: dict[str, Any] = {"type": "string", "enum": list(self.words)}
        return {**words, "default": self.absent} if self.absent else words


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    name: str
    description: str
    absent: bool = False

    def read(self, texts: Sequence[str]) -> bool:
        text = _single(self.name, texts)
        if text not in {"true", "false"}:
            raise _invalid(self.name, "must be true or false")
        return text == "true"

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean", "default": self.absent}


@dataclass(frozen=True, slots=True)
class Moment:
    """A time with its zone, as RFC 3339 writes it."""

    name: str
    description: str
    absent: datetime | None = None

    def read(self, texts: Sequence[str]) -> datetime:
        text = _single(self.name, texts)
        try:
            time = datetime.fromisoformat(text)
            if time.tzinfo is not None:
                return time.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        raise _invalid(self.name, "must be a time with its zone: 2026-11-23T10:00:00+08:00")

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


@dataclass(frozen=True, slots=True)
class TextMap:
    """Pairs written ``name.key=value``."""

    name: str
    description: str

    @property
    def absent(self) -> Mapping[str, str]:
        return {}

    def read(self, texts: Sequence[str]) -> Mapping[str, str]:  # noqa: ARG002 - the key is missing, whatever the text
        raise InvalidArgumentError(f"write {self.name}.<key>=<value>", field=self.name)

    def schema(self) -> dict[str, Any]:
        values = {"type": "string", "maxLength": MAP_VALUE_LIMIT}
        return {"type": "object", "additionalProperties": values, "maxProperties": MAP_ITEMS_LIMIT}


LANGUAGE: Final = Choice("language", "Language of titles and reasons; by default Accept-Language decides.", LANGUAGES)
IDENTIFIER: Final = Texts(
    "identifier",
    'Whom to answer for, "login:u42". A publishable key or shopper token may name its own shopper only.',
    limit=260,
    items_limit=8,
)
PAGE_TOKEN: Final = Text("page_token", "next_page_token of the previous page.", limit=1_024)


class Query:
    """The parameters of one route."""

    def __init__(self, *parameters: Parameter) -> None:
        self.parameters = parameters
        self._by_name = {each.name: each for each in parameters if not isinstance(each, TextMap)}
        self._maps = {each.name for each in parameters if isinstance(each, TextMap)}
        self._absent = {each.name: each.absent for each in parameters}
        self._names = {name.encode(): name for name in self._by_name}

    def read(self, query_string: bytes) -> dict[str, Any]:
        """Return the value of every parameter. Raises InvalidArgumentError, ParameterUnknownError."""
        values = dict(self._absent)
        if not query_string:
            return values
        for name, texts in self._given(query_string).items():
            parameter = self._by_name.get(name)
            if parameter is not None:
                values[name] = parameter.read(texts)
            else:
                self._read_map_item(values, name, texts)
        return values

    def _given(self, query_string: bytes) -> dict[str, list[str]]:
        """Split and decode: a tenth of the cost of urllib's parse_qsl, which looks for what a query cannot hold."""
        parts = query_string.split(b"&")
        if len(parts) > FIELDS_LIMIT:
            raise InvalidArgumentError(f"the query string has more than {FIELDS_LIMIT} parameters", field="query")
        given: dict[str, list[str]] = {}
        try:
            query_string.decode("ascii")  # what is not ASCII should have been encoded
            for part in filter(None, parts):
                raw_name, _, text = part.partition(b"=")
                name = self._names.get(raw_name) or _decoded(raw_name)
                given.setdefault(name, []).append(_decoded(text))
        except UnicodeDecodeError:
            raise InvalidArgumentError("the query string is not percent-encoded UTF-8", field="query") from None
        return given

    def _read_map_item(self, values: dict[str, Any], name: str, texts: Sequence[str]) -> None:
        prefix, _, key = name.partition(".")
        if prefix not in self._maps:
            known = ", ".join(each.name for each in self.parameters) or "none"
            raise ParameterUnknownError(f"this route has no such parameter; it has: {known}", field=name[:64])
        if not MAP_KEY.fullmatch(key):
            raise _invalid(prefix, "takes keys of lower-case letters, digits, _ and points")
        if len(values[prefix]) >= MAP_ITEMS_LIMIT:
            raise _invalid(prefix, f"takes at most {MAP_ITEMS_LIMIT} keys")
        text = _bounded(name, _single(name, texts), MAP_VALUE_LIMIT)
        values[prefix] = {**values[prefix], key: text}


NO_QUERY: Final = Query()


def language_of(asked: str, accept_language: bytes) -> str:
    """Return the language to answer in: what was asked for, else the first of Accept-Language that we have."""
    if asked:
        return asked
    for part in accept_language[:256].decode("latin-1").split(","):
        language = part.split(";")[0].split("-")[0].strip().lower()
        if language in LANGUAGES:
            return language
    return DEFAULT_LANGUAGE


def _decoded(text: bytes) -> str:
    """Decode percent-encoded UTF-8. Raises UnicodeDecodeError."""
    if b"+" in text:
        text = text.replace(b"+", b" ")
    return (unquote_to_bytes(text) if b"%" in text else text).decode()


def _single(name: str, texts: Sequence[str]) -> str:
    if len(texts) > 1:
        raise _invalid(name, "may come only once")
    return texts[0]


def _bounded(name: str, text: str, limit: int) -> str:
    if len(text) > limit:
        raise _invalid(name, f"has {len(text)} characters; at most {limit} are read")
    return text


def _invalid(name: str, complaint: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"{name} {complaint}", field=name)

"""Owns how an index lies in Elasticsearch: names, mapping, settings, and an entry as a document.

``<prefix>-<index>-<schema fingerprint>-<branch>`` is one branch. Its alias ``<that>.writes`` is what writes to the
named branch go to, the alias ``<prefix>-<index>-<schema fingerprint>-live`` is what everything else goes to: a write to
an alias never creates an index, whatever the server allows.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import orjson

from services.chassis.searchindex.checks import epoch_ms
from services.chassis.searchindex.port import (
    DateField,
    Entry,
    Field,
    IndexSchema,
    KeywordField,
    LongField,
    Put,
    TextField,
    Value,
    Write,
)

LAYOUT: Final = 1  # of mapping and documents; an index of another one is not ours to read
# The built-in whitespace analyzer cuts tokens at 255 UTF-16 units: longer ones are indexed under a short name.
TOKEN_CHARACTERS: Final = 120
_TOKEN_KEPT: Final = 40
_DIGEST_BYTES: Final = 16
_OWN: Final[Mapping[str, Mapping[str, Any]]] = {
    "id": {"type": "keyword", "index": False},
    "payload": {"type": "binary", "store": True},
}
# Visible after a refresh and not before, so that nothing but a refresh changes what a search reads; durable when
# acknowledged; a removed id is remembered for an hour.
_SETTINGS: Final = {
    "number_of_shards": 1,
    "auto_expand_replicas": "0-1",
    "refresh_interval": "-1",
    "gc_deletes": "1h",
    "translog.durability": "request",
}
_BRANCH: Final = re.compile(r"b(\d{6,9})")


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one index on the server."""

    prefix: str
    schema: IndexSchema

    @property
    def live(self) -> str:
        """The alias of the live branch."""
        return f"{self._index}-{self.schema.fingerprint}-live"

    @property
    def every(self) -> str:
        """A pattern of all branches, of other schemas too."""
        return f"{self._index}-*"

    def branch(self, branch: str) -> str:
        """Return a branch's index."""
        return f"{self._index}-{self.schema.fingerprint}-{branch}"

    def writes(self, branch: str) -> str:
        """Return the alias for writes to a named branch."""
        return f"{self.branch(branch)}.writes"

    def branch_of(self, index: str) -> str | None:
        """Return the branch that an index of this schema is, None for others."""
        head, _, branch = index.rpartition("-")
        own = head == f"{self._index}-{self.schema.fingerprint}"
        return branch if own and _BRANCH.fullmatch(branch) else None

    def is_branch(self, index: str) -> bool:
        """Return whether an index is a branch, be it of another schema."""
        pattern = rf"{re.escape(self._index)}-[0-9a-f]{{12}}-{_BRANCH.pattern}"
        return re.fullmatch(pattern, index) is not None

    @property
    def _index(self) -> str:
        return f"{self.prefix}-{self.schema.name}"


def branch_name(number: int) -> str:
    """Return the name of the branch of a number."""
    return f"b{number:06d}"


def branch_number(branch: str) -> int:
    """Return the number in a branch's name."""
    return int(branch[1:])


def creation(names: Names, branch: str) -> dict[str, Any]:
    """Return the request that creates a branch."""
    return {
        "settings": {"index": _SETTINGS},
        "mappings": _mappings(names.schema),
        "aliases": {names.writes(branch): {}},
    }


def mapping_problem(found: Mapping[str, Any], schema: IndexSchema) -> str:
    """Return what is foreign in the mapping of an index, or an empty string."""
    expected = _mappings(schema)
    if found.get("_meta") != expected["_meta"]:
        return "it was not made by Zhike, or by another version"
    if found.get("dynamic") != expected["dynamic"] or found.get("_source") != expected["_source"]:
        return "its mapping is not strict, or keeps its source"
    properties = found.get("properties", {})
    for name in sorted({*expected["properties"], *properties}):
        if properties.get(name) != expected["properties"].get(name):
            return f"its field {name} is mapped otherwise"
    return ""


def is_ours(mappings: Mapping[str, Any]) -> bool:
    """Return whether an index says that Zhike made it."""
    return "zhike" in mappings.get("_meta", {})


def operation(write: Write, schema: IndexSchema) -> list[bytes]:
    """Return the lines of a write in a bulk request; its version decides on the server."""
    if isinstance(write, Put):
        entry = write.entry
        action = {"index": {"_id": entry.id, "version": entry.version, "version_type": "external"}}
        return [orjson.dumps(action), orjson.dumps(document(entry, schema))]
    return [orjson.dumps({"delete": {"_id": write.id, "version": write.version, "version_type": "external"}})]


def document(entry: Entry, schema: IndexSchema) -> dict[str, Any]:
    """Return what is indexed of an entry."""
    values = {name: _stored(schema.field(name), value) for name, value in entry.values.items()}
    values["id"] = entry.id
    if entry.payload:
        values["payload"] = base64.b64encode(entry.payload).decode()
    return values


def payload_of(fields: Mapping[str, Any]) -> bytes:
    """Return the payload among a hit's fields."""
    return base64.b64decode(fields["payload"][0]) if "payload" in fields else b""


def token_of(token: str) -> str:
    """Return a token as it is indexed."""
    if len(token) > TOKEN_CHARACTERS:
        digest = blake2b(token.encode("utf-8", "replace"), digest_size=_DIGEST_BYTES).hexdigest()
        token = f"{token[:_TOKEN_KEPT]}…{digest}"
    return sound(token)


def sound(text: str) -> str:
    """Return ``text`` with lone surrogates replaced: JSON takes UTF-8 only."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def is_sound(text: str) -> bool:
    """Return whether ``text`` has no lone surrogates."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _mappings(schema: IndexSchema) -> dict[str, Any]:
    return {
        "dynamic": "strict",
        "_source": {"enabled": False},
        "_meta": {"zhike": {"layout": LAYOUT, "index": schema.name, "schema": schema.fingerprint}},
        "properties": {**{name: dict(kind) for name, kind in _OWN.items()}, **_properties(schema)},
    }


def _properties(schema: IndexSchema) -> dict[str, dict[str, Any]]:
    return {declared.name: _property(declared) for declared in schema.fields}


def _property(declared: Field) -> dict[str, Any]:
    match declared:
        case TextField():
            return {"type": "text", "analyzer": "whitespace"}  # with positions, the default
        case KeywordField():
            return {"type": "keyword"}
        case LongField():
            return {"type": "long"}
        case DateField():
            return {"type": "date", "format": "epoch_millis"}


def _stored(declared: Field, value: Value) -> Any:
    match declared:
        case TextField():
            # White space is parted here, so that every engine splits at the same characters.
            return " ".join(token_of(token) for token in str(value).split())
        case KeywordField():
            return sound(value) if isinstance(value, str) else [sound(each) for each in value]  # type: ignore[union-attr]
        case LongField() | DateField():
            return epoch_ms(value)  # type: ignore[arg-type]

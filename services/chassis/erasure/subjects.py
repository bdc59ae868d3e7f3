"""Who is to be erased, and how a text that names them is found and taken out of whatever holds it.

An erased name becomes a keyed hash: the key never leaves the service's own store, so two services' hashes of one name
differ and neither tells the name to who does not hold the key.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

ERASED_PREFIX: Final = "erased:"
EVERY_LOG: Final = "*"  # among touched logs: which were rewritten is not known, so all count as touched
REFUSED_AS_ERASED: Final = "SUBJECT_ERASED"  # the reason, wherever something of an erased person is refused
DIGEST_BYTES: Final = 16
KEY_BYTES: Final = 32
TOKEN_BYTES: Final = 8
DEPTH_LIMIT: Final = 40  # of nested lists and objects that are looked into
_BARE_KINDS: Final = ("phone:", "email:")  # of these the value alone names the person as well
_NAMED_INSIDE: Final = re.compile(r"(?:card|login|phone|email|visitor|author):[^\s\"'\\,;<>\]})]+|c-[0-9a-f]{20}")

_MAY_NAME: Final = re.compile(r":|c-[0-9a-f]{20}")

Digest = Callable[[str], str]
AlsoNamed = Callable[[str], Iterable[str]]


def keyed_hash(key: bytes, text: str) -> str:
    """Return the keyed hash of a text, 32 hex digits."""
    return blake2b(text.encode("utf-8", "surrogatepass"), key=key, digest_size=DIGEST_BYTES).hexdigest()


def names_inside(text: str) -> list[str]:
    """Return what looks like a name within a longer text."""
    return _NAMED_INSIDE.findall(text) if _MAY_NAME.search(text) else []


def is_erased_name(text: str) -> bool:
    """Tell whether the text stands where a name was."""
    return text.startswith(ERASED_PREFIX)


@dataclass(frozen=True, slots=True)
class Subject:
    """One person of a round: the receipt's id, all identifiers, and all customer ids that these have or had."""

    erasure_id: str
    identifiers: tuple[str, ...]
    customer_ids: tuple[str, ...] = ()


class Subjects:
    """The persons of a round, as texts to look for. ``erasures``: the receipt that each text belongs to."""

    def __init__(self, subjects: Iterable[Subject], digest: Digest, also_named: AlsoNamed | None = None) -> None:
        self.all = tuple(subjects)
        self._digest = digest
        self.erasures: dict[str, str] = {}
        for subject in self.all:
            for name in (*subject.identifiers, *subject.customer_ids):
                self.erasures[name] = subject.erasure_id
                if name.startswith(_BARE_KINDS):
                    self.erasures[name.partition(":")[2]] = subject.erasure_id
                for other in also_named(name) if also_named is not None else ():
                    self.erasures[other] = subject.erasure_id

    def __contains__(self, text: object) -> bool:
        return text in self.erasures

    @property
    def token(self) -> str:
        """Names exactly these persons, by their receipts."""
        receipts = "\n".join(sorted(each.erasure_id for each in self.all))
        return blake2b(receipts.encode(), digest_size=TOKEN_BYTES).hexdigest()

    def hidden(self, text: str) -> str:
        """Return what stands in the place of a name."""
        return f"{ERASED_PREFIX}{self._digest(text)}"

    def names_any(self, value: Any) -> bool:
        """Tell whether a value of a body names one of them anywhere, as a whole text, a field's name or inside one."""
        return bool(self.named(value))

    def named(self, value: Any, depth: int = 0) -> str:
        """Return the receipt's id of the first of them that a value names, "" for none."""
        if isinstance(value, str):
            return self._named_by(value)
        if depth > DEPTH_LIMIT:
            return ""
        found = ""
        if isinstance(value, Mapping):
            for key, each in value.items():
                found = self._named_by(key) or self.named(each, depth + 1)
                if found:
                    break
        elif isinstance(value, list | tuple):
            for each in value:
                found = self.named(each, depth + 1)
                if found:
                    break
        return found

    def scrubbed(self, value: Any) -> Any:
        """Return the value without them.

        What stands in a list, or first in a list of its own there, leaves it, and so does a field that has their name;
        any other text becomes its keyed hash.
        """
        if isinstance(value, str):
            return self._scrubbed_text(value)
        if isinstance(value, Mapping):
            kept = ((key, each) for key, each in value.items() if key not in self.erasures)
            return {self._scrubbed_text(key): self.scrubbed(each) for key, each in kept}
        if isinstance(value, list | tuple):
            return [self.scrubbed(each) for each in value if not self._leaves(each)]
        return value

    def _leaves(self, item: Any) -> bool:
        if isinstance(item, list | tuple):
            return bool(item) and isinstance(item[0], str) and item[0] in self.erasures
        return isinstance(item, str) and item in self.erasures

    def _named_by(self, text: str) -> str:
        whole = self.erasures.get(text, "")
        if whole or not _MAY_NAME.search(text):
            return whole
        return next((self.erasures[found] for found in _NAMED_INSIDE.findall(text) if found in self.erasures), "")

    def _scrubbed_text(self, text: str) -> str:
        if text in self.erasures:
            return self.hidden(text)
        if not _MAY_NAME.search(text):
            return text
        return _NAMED_INSIDE.sub(
            lambda match: self.hidden(match.group()) if match.group() in self.erasures else match.group(), text
        )

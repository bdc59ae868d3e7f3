"""Looks for canaries in every byte under a data directory, in any of the forms in which text is stored."""

import re
from collections.abc import Iterable
from pathlib import Path

from benchmarks.erasure_shop import Person

CHUNK = 8 * 1024 * 1024
OVERLAP = 256
_SHAPE = re.compile(
    rb"(?:addr|note|find|word|user|mail)[0-9a-f]{16}(?:@example\.com)?|v-visitor[0-9a-f]{16}0000|\+86138[0-9]{8}|ER[0-9]{6}",
    re.IGNORECASE,
)


def found_in_bytes(data: Path, people: Iterable[Person]) -> set[str]:
    """Return ``file: canary`` for each canary of these people in each file."""
    wanted = {canary.lower().encode() for person in people for canary in person.canaries}
    found: set[str] = set()
    for path in sorted(data.rglob("*")):
        if path.is_file():
            found |= {f"{path.relative_to(data)}: {canary.decode()}" for canary in _canaries_in(path) & wanted}
    return found


def _canaries_in(path: Path) -> set[bytes]:
    seen: set[bytes] = set()
    kept = b""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            text = kept + chunk
            seen.update(match.lower() for match in _SHAPE.findall(text))
            kept = text[-OVERLAP:]
    return seen

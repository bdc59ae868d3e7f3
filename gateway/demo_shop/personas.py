"""The guests that the demo shop lets one be: written by the demo's load, read at every visit."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

PERSONAS_FILE = Path("demo") / "personas.json"
PERSONAS_LIMIT = 12


@dataclass(frozen=True, slots=True)
class Persona:
    """One guest. ``name`` and ``text`` by language; ``identifiers`` in text form, the strongest first.

    ``orders``: ids of orders from before, the newest first.
    """

    id: str
    sign: str
    name: dict[str, str]
    text: dict[str, str]
    identifiers: tuple[str, ...]
    orders: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what the page is told."""
        return {name: value for name, value in asdict(self).items() if name != "orders"}


def load_personas(data: Path) -> tuple[Persona, ...]:
    """Return the guests in the data directory; none before the demo is loaded."""
    try:
        rows = orjson.loads((data / PERSONAS_FILE).read_bytes())
    except FileNotFoundError:
        return ()
    return tuple(_persona(row) for row in rows[:PERSONAS_LIMIT])


def _persona(row: dict[str, Any]) -> Persona:
    lists = {"identifiers": tuple(row["identifiers"]), "orders": tuple(row.get("orders", ()))}
    return Persona(**{**row, **lists})

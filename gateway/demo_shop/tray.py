"""The tray between the demo shop and its simulated workshop: a small file for each order that is to be made and sent.

A file comes whole or not at all and stays until the order is at the door, so neither side needs the other to run.
The workshop itself is infra/demo/workshop.py.
"""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

TRAY_FOLDER: Final = Path("demo") / "tray"
TRAY_LIMIT: Final = 500  # orders under way; more are taken, and not simulated
SECONDS: Final = 90.0  # from the till to the door, for somebody who looks on
SECONDS_LEAST, SECONDS_MOST = 5.0, 3_600.0


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order to be made and sent. ``seconds``: to the door, None for as long as it takes in life.

    ``late``: the workshop announces a delay; None: where it makes something.
    """

    order_id: str
    seconds: float | None = SECONDS
    late: bool | None = None


class Tray:
    """The folder."""

    def __init__(self, data: Path) -> None:
        self.folder = data / TRAY_FOLDER

    def put(self, ticket: Ticket) -> bool:
        """Lay a ticket down, in place of an older one of the same order; False when the tray is full."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(ticket.order_id)
        if not path.exists() and sum(1 for _ in self.folder.glob("*.json")) >= TRAY_LIMIT:
            return False
        fresh = self.folder / f".{path.name}.{os.getpid()}"
        fresh.write_bytes(orjson.dumps(asdict(ticket)))
        fresh.replace(path)
        return True

    def orders(self) -> list[str]:
        """Return the ids of the orders that lie there."""
        return sorted(path.stem for path in self.folder.glob("*.json"))[:TRAY_LIMIT]

    def ticket(self, order_id: str) -> Ticket | None:
        """Return an order's ticket; None for one that was taken away, or is none of ours."""
        try:
            return Ticket(**orjson.loads(self._path(order_id).read_bytes()))
        except (FileNotFoundError, TypeError, ValueError):
            return None

    def clear(self, order_id: str) -> None:
        """Take a ticket away: its order is at the door."""
        self._path(order_id).unlink(missing_ok=True)

    def _path(self, order_id: str) -> Path:
        return self.folder / f"{order_id}.json"

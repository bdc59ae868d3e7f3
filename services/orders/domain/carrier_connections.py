"""Who may push scans: the senders that a shop has set up, each with its world and its live secrets."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.kits.webhooks.errors import SecretMalformedError
from services.kits.webhooks.signing_secrets import LIVE_LIMIT, key_of
from services.orders.domain.carriers import World

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Connection:
    """A sender that the shop has set up. ``secrets``: those that are live."""

    name: str
    world: World
    secrets: tuple[str, ...]


def connections_of(settings: Sequence[str]) -> dict[str, Connection]:
    """Read "name=secret" for each sender; a name that comes twice has two live secrets. Raises ValueError.

    A name that is a tracking service's speaks and signs as that service, any other schema.org and Standard Webhooks.
    """
    found: dict[str, Connection] = {}
    for entry in settings:
        name, separator, secret = entry.partition("=")
        if not (name and separator and secret):
            raise ValueError('a carrier is set up as "name=secret"')
        world = World(name) if name in list(World) else World.SCHEMA_ORG
        known = found.get(name)
        found[name] = Connection(name, world, (*known.secrets, secret) if known else (secret,))
        _check_connection(found[name])
    return found


def _check_connection(connection: Connection) -> None:
    if not _NAME.fullmatch(connection.name):
        raise ValueError("a carrier's name is 1 to 64 of a-z 0-9 _ . -")
    if len(connection.secrets) > LIVE_LIMIT:
        raise ValueError(f"{connection.name} has at most {LIVE_LIMIT} live secrets")
    if connection.world is World.SCHEMA_ORG:
        try:
            key_of(connection.secrets[-1])
        except SecretMalformedError as error:
            raise ValueError(f"{connection.name}: {error.message}") from error

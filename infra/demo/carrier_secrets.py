"""The secrets that the demo's simulated carriers sign with: made once, kept beside the data for its owner alone."""

import base64
import os
import secrets
from pathlib import Path
from typing import Final

from infra.demo.carrier_calls import CARRIERS
from services.kits.webhooks.signing_secrets import new_secret
from services.orders.domain.carriers import World

FILE: Final = "demo-carriers.secret"
SECRET_BYTES: Final = 24


def demo_carrier_secrets(data: Path) -> dict[str, str]:
    """Return the secret of each sender by the name under which it is set up, made on first use."""
    path = data / FILE
    if not path.exists():
        _write(path, _made())
    path.chmod(0o600)
    lines = path.read_text(encoding="ascii").split()
    return dict(line.partition("=")[::2] for line in lines)


def carrier_setting(senders: dict[str, str]) -> str:
    """Return the secrets as ZHIKE_ORDERS_CARRIER_SECRETS takes them."""
    return ",".join(f"{name}={secret}" for name, secret in senders.items())


def _made() -> dict[str, str]:
    made = {}
    for carrier, world in CARRIERS:
        if world is World.SCHEMA_ORG:
            made[carrier] = new_secret(secrets.token_bytes)
        else:
            made[world.value] = base64.b16encode(secrets.token_bytes(SECRET_BYTES)).decode().lower()
    return made


def _write(path: Path, senders: dict[str, str]) -> None:
    """Write the file whole before it has its name, so that none reads half. One that another made first stands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.writelines(f"{name}={secret}\n" for name, secret in senders.items())
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()

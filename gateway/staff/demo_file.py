"""The file that says how to sign in to the demo: role, sign-in name, password, a line each; only its owner reads it."""

import os
from pathlib import Path
from typing import Final

DEMO_STAFF_FILE: Final = "demo-staff.txt"
HEAD: Final = "# Accounts of the demo: role, sign-in name, password. Only the owner of this file can read it.\n"


def read_demo_accounts(path: Path) -> dict[str, str]:
    """Return the passwords by sign-in name; nothing without the file."""
    if not path.exists():
        return {}
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {row[1]: row[2] for row in rows if len(row) == 3}


def write_demo_accounts(path: Path, passwords: dict[str, str]) -> None:
    """Write it whole before it has its name."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(HEAD)
        for staff_id, password in passwords.items():
            file.write(f"{staff_id.removeprefix('demo-'):<14}{staff_id:<20}{password}\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)

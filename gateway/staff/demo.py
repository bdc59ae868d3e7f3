"""One account for each role in the demo; the passwords are made here and stand in a file that only its owner reads."""

import asyncio
import os
from pathlib import Path
from typing import Final

from gateway.staff.accounts import NewAccount
from gateway.staff.audit import NamedActor
from gateway.staff.errors import StaffTakenError
from gateway.staff.members import StaffRole
from gateway.staff.office import Staff
from gateway.staff.passwords import one_time_password

DEMO_STAFF_FILE: Final = "demo-staff.txt"
NAMES: Final = {
    StaffRole.MERCHANDISER: "Su Mei 苏梅",
    StaffRole.PR: "Pan Rui 潘锐",
    StaffRole.DESK: "Ding Ke 丁可",
    StaffRole.ANALYST: "An Li 安黎",
    StaffRole.ADMIN: "Guan Yi 管一",
}
HEAD: Final = "# Accounts of the demo: role, sign-in name, password. Only the owner of this file can read it.\n"
_DEMO: Final = NamedActor("demo")


async def open_demo_accounts(staff: Staff, path: Path) -> None:
    """Make what is missing of the accounts and of the file; where the file was lost, the passwords are made anew."""
    known = await asyncio.to_thread(read_demo_accounts, path)
    wanted = {f"demo-{role}": known.get(f"demo-{role}") or one_time_password() for role in StaffRole}
    if wanted != known:
        # Before the accounts: a start that dies between finds the same passwords again.
        await asyncio.to_thread(_write, path, wanted)
    for role in StaffRole:
        staff_id = f"demo-{role}"
        try:
            account = NewAccount(staff_id, NAMES[role], (role.value,))
            if await staff.members.get(staff_id) is None:
                await staff.accounts.create(_DEMO, account, password=wanted[staff_id])
            elif staff_id not in known:
                await staff.accounts.set_password(_DEMO, staff_id, wanted[staff_id])
        except StaffTakenError:
            continue  # another replica was first


def read_demo_accounts(path: Path) -> dict[str, str]:
    """Return the passwords by sign-in name; nothing without the file."""
    if not path.exists():
        return {}
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {row[1]: row[2] for row in rows if len(row) == 3}


def _write(path: Path, passwords: dict[str, str]) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(HEAD)
        for staff_id, password in passwords.items():
            file.write(f"{staff_id.removeprefix('demo-'):<14}{staff_id:<20}{password}\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)

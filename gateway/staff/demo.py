"""One account for each role in the demo; the passwords are made here and stand in a file that only its owner reads."""

import asyncio
from pathlib import Path
from typing import Final

from gateway.staff.accounts import NewAccount
from gateway.staff.audit import NamedActor
from gateway.staff.demo_file import read_demo_accounts, write_demo_accounts
from gateway.staff.errors import StaffTakenError
from gateway.staff.members import StaffRole
from gateway.staff.office import Staff
from gateway.staff.passwords import one_time_password

NAMES: Final = {
    StaffRole.MERCHANDISER: "Su Mei 苏梅",
    StaffRole.PR: "Pan Rui 潘锐",
    StaffRole.DESK: "Ding Ke 丁可",
    StaffRole.ANALYST: "An Li 安黎",
    StaffRole.ADMIN: "Guan Yi 管一",
}
_DEMO: Final = NamedActor("demo")


async def open_demo_accounts(staff: Staff, path: Path) -> None:
    """Make what is missing of the accounts and of the file; where the file was lost, the passwords are made anew."""
    known = await asyncio.to_thread(read_demo_accounts, path)
    wanted = {f"demo-{role}": known.get(f"demo-{role}") or one_time_password() for role in StaffRole}
    if wanted != known:
        # Before the accounts: a start that dies between finds the same passwords again.
        await asyncio.to_thread(write_demo_accounts, path, wanted)
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

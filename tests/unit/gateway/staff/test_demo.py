"""The demo's accounts: one for each role, their passwords in a file that only its owner reads."""

from pathlib import Path

from gateway.staff.accounts import Where
from gateway.staff.demo import open_demo_accounts
from gateway.staff.demo_file import read_demo_accounts
from gateway.staff.members import StaffRole
from gateway.staff.office import Staff

HERE = Where("10.0.0.1", "a browser")


async def test_every_role_has_an_account_and_the_file_says_how_to_sign_in(staff: Staff, tmp_path: Path) -> None:
    path = tmp_path / "demo-staff.txt"
    await open_demo_accounts(staff, path)
    assert path.stat().st_mode & 0o777 == 0o600
    accounts = read_demo_accounts(path)
    assert list(accounts) == [f"demo-{role}" for role in StaffRole] and len(set(accounts.values())) == 5
    for staff_id, password in accounts.items():
        session = await staff.sessions.find(await staff.accounts.sign_in(staff_id, password, HERE))
        assert session is not None
        assert session.roles == {StaffRole(staff_id.removeprefix("demo-"))}


async def test_a_second_start_changes_nothing_and_a_lost_file_makes_new_passwords(staff: Staff, tmp_path: Path) -> None:
    path = tmp_path / "demo-staff.txt"
    await open_demo_accounts(staff, path)
    first = path.read_text()
    await open_demo_accounts(staff, path)
    assert path.read_text() == first
    path.unlink()
    await open_demo_accounts(staff, path)
    again = read_demo_accounts(path)
    assert again["demo-desk"] not in first
    assert await staff.accounts.sign_in("demo-desk", again["demo-desk"], HERE)


async def test_a_start_that_died_between_goes_on_with_the_same_passwords(staff: Staff, tmp_path: Path) -> None:
    path = tmp_path / "demo-staff.txt"
    path.write_text("# half a start\ndesk demo-desk kept-password-of-the-file\n")
    await open_demo_accounts(staff, path)
    assert read_demo_accounts(path)["demo-desk"] == "kept-password-of-the-file"
    assert await staff.accounts.sign_in("demo-desk", "kept-password-of-the-file", HERE)

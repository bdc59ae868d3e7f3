"""What is done with accounts: made, edited, reset, disabled; signed in and out. Each leaves its line in the trail."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from gateway.staff.audit import Actor, AuditTrail, NamedActor
from gateway.staff.errors import (
    LastAdminError,
    OneTimePasswordExpiredError,
    PasswordUnfitError,
    SignInBusyError,
    SignInFailedError,
)
from gateway.staff.member_store import MemberStore, edited
from gateway.staff.members import StaffMember, checked_id, checked_language, checked_name, checked_roles
from gateway.staff.passwords import Passwords, check_new_password, one_time_password
from gateway.staff.sessions import SessionStore, StaffSession
from gateway.staff.throttle import SignInThrottle
from services.chassis.clock import Clock
from services.chassis.logs import get_log

ONE_TIME_DAYS: Final = 7
THING: Final = "staff"

log = get_log("staff")


@dataclass(frozen=True, slots=True)
class Where:
    """Where a sign-in came from, for its owner to recognise."""

    address: str
    agent: str


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What an account is made of."""

    id: str
    name: str
    roles: tuple[str, ...]
    language: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """What changes of an account; None leaves it as it is."""

    name: str | None = None
    roles: tuple[str, ...] | None = None
    language: str | None = None


class Accounts:
    """The use cases."""

    def __init__(
        self,
        members: MemberStore,
        sessions: SessionStore,
        passwords: Passwords,
        throttle: SignInThrottle,
        audit: AuditTrail,
        clock: Clock,
    ) -> None:
        self._members, self._sessions, self._passwords = members, sessions, passwords
        self._throttle, self._audit, self._clock = throttle, audit, clock

    async def create(self, by: Actor, wanted: NewAccount, *, password: str = "") -> tuple[StaffMember, str]:
        """Make an account; return it and its password, by default a one-time password that must be changed.

        Raises InvalidArgumentError, PasswordUnfitError, StaffTakenError, StaffLimitError.
        """
        staff_id, name = checked_id(wanted.id), checked_name(wanted.name)
        roles, language = checked_roles(wanted.roles), checked_language(wanted.language)
        if password:
            check_new_password(password, staff_id=staff_id, name=name)
        text, now = password or one_time_password(), self._clock.now()
        member = StaffMember(
            id=staff_id,
            name=name,
            roles=roles,
            language=language,
            create_time=now,
            must_change=not password,
            one_time_until=None if password else now + timedelta(days=ONE_TIME_DAYS),
            password_hash=await self._passwords.hash(text),
        )
        await self._members.insert(member)
        await self._audit.record(by, "staff.create", THING, staff_id, after=member.facts())
        return member, text

    async def edit(self, by: Actor, staff_id: str, edit: Edit, *, expected_version: int = 0) -> StaffMember:
        """Change name, roles or language; new roles hold with the next page.

        Raises InvalidArgumentError, LastAdminError, StaffChangedError.
        """
        changes: dict[str, object] = {}
        if edit.name is not None:
            changes["name"] = checked_name(edit.name)
        if edit.roles is not None:
            changes["roles"] = checked_roles(edit.roles)
        if edit.language is not None:
            changes["language"] = checked_language(edit.language)
        return await self._save(
            by, "staff.edit", staff_id, lambda member: edited(member, **changes), expected_version=expected_version
        )

    async def disable(self, by: Actor, staff_id: str, *, expected_version: int = 0) -> StaffMember:
        """Take the account away and end its sessions; doing it again changes nothing. Raises LastAdminError."""
        now = self._clock.now()

        def decide(member: StaffMember) -> StaffMember:
            if member.disabled:
                return member
            return edited(member, disable_time=now, generation=member.generation + 1)

        after = await self._save(by, "staff.disable", staff_id, decide, expected_version=expected_version)
        await self._sessions.remove_all(staff_id)
        return after

    async def enable(self, by: Actor, staff_id: str, *, expected_version: int = 0) -> StaffMember:
        """Give the account back, with the password that it had."""
        return await self._save(
            by,
            "staff.enable",
            staff_id,
            lambda member: edited(member, disable_time=None),
            expected_version=expected_version,
        )

    async def reset(self, by: Actor, staff_id: str, *, expected_version: int = 0) -> tuple[StaffMember, str]:
        """Give a one-time password in the place of the old one and end the account's sessions."""
        await self._members.read(staff_id)
        text = one_time_password()
        hashed = await self._passwords.hash(text)
        until = self._clock.now() + timedelta(days=ONE_TIME_DAYS)
        after = await self._save(
            by,
            "staff.reset",
            staff_id,
            lambda member: edited(
                member,
                password_hash=hashed,
                must_change=True,
                one_time_until=until,
                generation=member.generation + 1,
            ),
            expected_version=expected_version,
        )
        await self._sessions.remove_all(staff_id)
        return after, text

    async def set_password(self, by: Actor, staff_id: str, password: str) -> StaffMember:
        """Put another password in force without asking for the old one; for the demo's accounts alone."""
        hashed = await self._passwords.hash(password)
        return await self._save(
            by,
            "staff.set-password",
            staff_id,
            lambda member: edited(
                member,
                password_hash=hashed,
                must_change=False,
                one_time_until=None,
                generation=member.generation + 1,
            ),
        )

    async def sign_in(self, staff_id: str, password: str, where: Where, *, former_session: str = "") -> str:
        """Check the password and begin a session under a fresh id; a former one of this browser ends.

        Raises SignInFailedError, SignInThrottledError, SignInBusyError, OneTimePasswordExpiredError.
        """
        member = await self._verified(staff_id.strip().lower(), password, where.address)
        now = self._clock.now()
        if member.must_change and member.one_time_until is not None and member.one_time_until <= now:
            raise OneTimePasswordExpiredError(
                "this one-time password has ended: ask an admin for another", field="password"
            )
        hashed = member.password_hash
        if self._passwords.is_weaker(hashed):
            hashed = await self._passwords.hash(password)

        def decide(stored: StaffMember) -> StaffMember:
            """The password may have been changed, or the account disabled, while it was checked."""
            if stored.disabled or stored.password_hash != member.password_hash:
                raise SignInFailedError("name or password is wrong", field="password")
            return replace(stored, sign_in_time=now, password_hash=hashed)

        _, member = await self._members.change(member.id, decide)
        await self._sessions.end(former_session)
        session_id = await self._sessions.start(member, address=where.address, agent=where.agent)
        await self._audit.record(
            NamedActor(member.actor), "staff.sign-in", THING, member.id, after={"from": where.address}
        )
        return session_id

    async def change_password(self, session: StaffSession, old: str, new: str, where: Where) -> str:
        """Take a new password, end every session of the account and return the id of a fresh one.

        Raises SignInFailedError (the old one is wrong), PasswordUnfitError, SignInThrottledError, SignInBusyError.
        """
        member = await self._verified(session.member.id, old, where.address)
        check_new_password(new, staff_id=member.id, name=member.name)
        if old == new:
            raise PasswordUnfitError("take another than the old one", field="password", rule="same")
        hashed = await self._passwords.hash(new)
        after = await self._save(
            session,
            "staff.change-password",
            member.id,
            lambda stored: edited(
                stored,
                password_hash=hashed,
                must_change=False,
                one_time_until=None,
                generation=stored.generation + 1,
            ),
        )
        await self._sessions.remove_all(member.id)
        return await self._sessions.start(after, address=where.address, agent=where.agent)

    async def sign_out(self, session: StaffSession, session_id: str) -> None:
        """End this session."""
        await self._sessions.end(session_id)
        await self._audit.record(session, "staff.sign-out", THING, session.member.id)

    async def sign_out_everywhere(self, by: Actor, staff_id: str) -> StaffMember:
        """End all sessions of an account, in every process at once."""
        after = await self._save(
            by,
            "staff.sign-out-everywhere",
            staff_id,
            lambda member: replace(member, generation=member.generation + 1),
        )
        await self._sessions.remove_all(staff_id)
        return after

    async def _verified(self, staff_id: str, password: str, address: str) -> StaffMember:
        """Return the account whose password this is; a wrong name costs as much as a wrong password."""
        self._throttle.count(staff_id[:40], address)
        member = await self._members.get(staff_id)
        stored = member.password_hash if member is not None and not member.disabled else ""
        try:
            right = await self._passwords.matches(stored, password)
        except SignInBusyError:
            self._throttle.give_back(staff_id[:40], address)
            raise
        if member is None or not right:
            log.warning("sign-in failed", known=member is not None)
            raise SignInFailedError("name or password is wrong", field="password")
        self._throttle.give_back(staff_id[:40], address)
        return member

    async def _save(
        self,
        by: Actor,
        action: str,
        staff_id: str,
        decide: Callable[[StaffMember], StaffMember],
        *,
        expected_version: int = 0,
    ) -> StaffMember:
        current = await self._members.read(staff_id)
        if _steps_down(current, decide(current)):
            await self._hold_another_admin(staff_id)
        before, after = await self._members.change(staff_id, decide, expected_version=expected_version)
        if _steps_down(before, after):
            try:
                await self._hold_another_admin(staff_id)
            except LastAdminError:
                # Two admins took one another away at once: whoever sees it last of all puts back what it took.
                await self._members.change(
                    staff_id, lambda member: edited(member, roles=before.roles, disable_time=before.disable_time)
                )
                raise
        if before != after:
            await self._audit.record(by, action, THING, staff_id, before=before.facts(), after=after.facts())
        return after

    async def _hold_another_admin(self, staff_id: str) -> None:
        """Raise LastAdminError where nobody else can see to accounts."""
        if not any(each.is_live_admin for each in await self._members.list() if each.id != staff_id):
            raise LastAdminError("this is the last admin; make another first", id=staff_id)


def _steps_down(before: StaffMember, after: StaffMember) -> bool:
    return before.is_live_admin and not after.is_live_admin

"""Passwords: argon2id in a thread, few at a time; what a new one must be; one-time passwords.

Each check takes 64 MiB and some tenths of a second of CPU (RFC 9106, second recommended option), so only a few run at
once and only a few more wait: a flood of sign-ins is refused, it does not stop the platform.
"""

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from typing import Final, TypeVar

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from gateway.staff.errors import PasswordUnfitError, SignInBusyError

LENGTH_MINIMUM: Final = 12
LENGTH_LIMIT: Final = 128
DISTINCT_MINIMUM: Final = 5
CHECKED_AT_ONCE: Final = 2
WAITING_LIMIT: Final = 20
_GROUPS, _GROUP_LENGTH = 4, 5
_UNAMBIGUOUS: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # 31 characters, so 20 of them hold 99 bits

Result = TypeVar("Result")


class Passwords:
    """Hashes and checks."""

    def __init__(self, parameters: Parameters = RFC_9106_LOW_MEMORY) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)
        self._free = asyncio.Semaphore(CHECKED_AT_ONCE)
        self._waiting = 0
        self._nobodys = ""

    async def hash(self, password: str) -> str:
        """Return what is stored. Raises SignInBusyError."""
        return await self._in_thread(self._hasher.hash, _prepared(password))

    async def matches(self, stored: str, password: str) -> bool:
        """Whether this is the password; takes as long where there is no account (``stored`` "").

        Raises SignInBusyError.
        """
        if len(password) > LENGTH_LIMIT:
            password = ""  # none that long was ever stored; the work is the same
        if not self._nobodys:
            self._nobodys = await self.hash(secrets.token_urlsafe())
        try:
            await self._in_thread(self._hasher.verify, stored or self._nobodys, _prepared(password))
        except (VerificationError, InvalidHashError):
            return False
        return bool(stored)

    def is_weaker(self, stored: str) -> bool:
        """Whether a stored hash was made with other parameters than today's and should be made again."""
        return self._hasher.check_needs_rehash(stored)

    async def _in_thread(self, work: Callable[..., Result], *arguments: str) -> Result:
        if self._waiting >= WAITING_LIMIT:
            raise SignInBusyError("too many people sign in at this moment; try again", retry_after_s=2)
        self._waiting += 1
        try:
            async with self._free:
                return await asyncio.to_thread(work, *arguments)
        finally:
            self._waiting -= 1


def _prepared(password: str) -> str:
    """The same password from every keyboard: full width and composed accents become one form."""
    return unicodedata.normalize("NFKC", password)


def check_new_password(password: str, *, staff_id: str, name: str) -> None:
    """Raise PasswordUnfitError for what is too short, too long or too easy to guess."""
    plain = _prepared(password)
    if len(plain) < LENGTH_MINIMUM:
        raise PasswordUnfitError(f"a password has at least {LENGTH_MINIMUM} characters", field="password", rule="short")
    if len(password) > LENGTH_LIMIT or len(plain) > LENGTH_LIMIT:
        raise PasswordUnfitError(f"a password has at most {LENGTH_LIMIT} characters", field="password", rule="long")
    folded = plain.casefold()
    own = [each for each in (staff_id, name.casefold()) if len(each) >= 4]
    if len(set(folded)) < DISTINCT_MINIMUM or any(each in folded for each in own):
        raise PasswordUnfitError(
            "take one that repeats less and does not hold your own name", field="password", rule="guessable"
        )


def one_time_password() -> str:
    """Return a password that is told by one person to another and must be changed at its first use."""
    groups = ("".join(secrets.choice(_UNAMBIGUOUS) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))
    return "-".join(groups)

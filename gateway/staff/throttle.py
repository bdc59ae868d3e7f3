"""How often a sign-in may fail: for one account from one address, for one account from everywhere, for one address.

An attempt is counted before the password is checked and given back when it was right, so that a hundred attempts at
once find the same bound as a hundred in a row. The account's bound from everywhere is wide: a stranger who guesses must
not lock the person out.
"""

from typing import Final

from gateway.errors import RateLimitedError
from gateway.limits import Rate, RateLimiter
from gateway.staff.errors import SignInThrottledError

ACCOUNT_AT_ADDRESS: Final = Rate(1 / 30, 5)
ACCOUNT: Final = Rate(1 / 6, 100)
ADDRESS: Final = Rate(1 / 6, 50)


class SignInThrottle:
    """Buckets in this process; several gateways allow as many times more."""

    def __init__(self, limiter: RateLimiter) -> None:
        self._limiter = limiter

    def count(self, staff_id: str, address: str) -> None:
        """Count an attempt. Raises SignInThrottledError."""
        taken: list[tuple[str, Rate]] = []
        for name, rate in self._buckets(staff_id, address):
            try:
                self._limiter.take(name, rate)
            except RateLimitedError as error:
                for each in taken:
                    self._limiter.give_back(*each)
                wait_s = error.metadata["retry_after_s"]
                raise SignInThrottledError("too many failed sign-ins: wait a little", retry_after_s=wait_s) from None
            taken.append((name, rate))

    def give_back(self, staff_id: str, address: str) -> None:
        """Take back the count of an attempt that succeeded."""
        for name, rate in self._buckets(staff_id, address):
            self._limiter.give_back(name, rate)

    def _buckets(self, staff_id: str, address: str) -> tuple[tuple[str, Rate], ...]:
        return (
            (f"sign-in {staff_id} {address}", ACCOUNT_AT_ADDRESS),
            (f"sign-in of {staff_id}", ACCOUNT),
            (f"sign-in at {address}", ADDRESS),
        )

"""Admits a request: who asks, how often they may, and whether this route is for them; in that order."""

from typing import Final

from gateway.authentication import Authenticator, Headers, Identity
from gateway.errors import ScopeMissingError
from gateway.limits import Allowance, Rate, RateLimiter
from gateway.middleware.record import RequestRecord
from gateway.principals import NOBODY, Principal, Role
from gateway.settings import GatewaySettings

NO_IDENTITY: Final = Identity(NOBODY, "")
VISITOR_NAME_LIMIT: Final = 80  # characters of X-Visitor-Id that name a bucket; a valid one is shorter
NO_LIMIT: Final = Rate(0.0, 1)


class Admission:
    """Authentication and rate limits of every API route."""

    def __init__(self, authenticator: Authenticator, limiter: RateLimiter, settings: GatewaySettings) -> None:
        self.authenticator, self.limiter = authenticator, limiter
        secret = Rate(settings.secret_rate_per_s, settings.secret_burst)
        self._shopper_rate = Rate(settings.shopper_rate_per_s, settings.shopper_burst)
        self._rates = {
            Role.PUBLISHABLE: Rate(settings.publishable_rate_per_s, settings.publishable_burst),
            Role.SHOPPER: NO_LIMIT,  # each has its own bucket; the key that made it is not used up by its shoppers
            Role.SHOP: secret,
            Role.STAFF: secret,
            Role.LOAD: Rate(settings.load_rate_per_s, settings.secret_burst),
            Role.OPERATOR: NO_LIMIT,
            Role.ORDER: NO_LIMIT,  # as shoppers
        }

    async def admit(self, headers: Headers, roles: frozenset[Role], record: RequestRecord, *, address: str) -> Identity:
        """Return who asks. Raises an UNAUTHENTICATED error, RateLimitedError, ScopeMissingError."""
        identity = self.authenticator.cached(headers) or await self.authenticator.identify(headers, address)
        principal = identity.principal
        record.role, record.key = principal.role.value, identity.key_id
        record.allowance = self._count(principal, headers)
        if principal.role not in roles:
            raise ScopeMissingError(
                f"this takes {' or '.join(sorted(roles))}; the request came as {principal.role.value}",
                role=principal.role.value,
            )
        return identity

    def _count(self, principal: Principal, headers: Headers) -> Allowance | None:
        """Take a token of the key, and for a shopper's request one of the shopper, whose allowance is shown."""
        allowance = self.limiter.take(f"key {principal.name}", self._rates[principal.role])
        if principal.role is Role.PUBLISHABLE:
            visitor = headers.get(b"x-visitor-id", b"")[:VISITOR_NAME_LIMIT].decode("latin-1")
            return self.limiter.take(f"visitor {principal.name} {visitor}", self._shopper_rate)
        if principal.role is Role.SHOPPER:
            return self.limiter.take(f"shopper {principal.owner} {principal.identifiers[0]}", self._shopper_rate)
        if principal.role is Role.ORDER:
            return self.limiter.take(f"order {principal.order_id}", self._shopper_rate)
        return allowance

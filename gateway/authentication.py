"""From the headers of a request to a Principal. A verified key is trusted for a while without asking the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.errors import (
    CredentialsMissingError,
    KeyMisplacedError,
    KeyRevokedError,
    TokenInvalidError,
)
from gateway.keys import KeyStore
from gateway.limits import Rate, RateLimiter
from gateway.order_access import PREFIX as ORDER_PREFIX
from gateway.order_access import OrderTokens
from gateway.principals import Principal, Role
from gateway.settings import GatewaySettings
from gateway.tokens import OPERATOR_PREFIX, OperatorToken, ShopperTokens
from services.chassis.clock import Clock
from services.chassis.errors import ErrorKind, ZhikeError

CACHE_LIMIT: Final = 20_000
_BEARER: Final = "bearer "

Headers = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified caller and the key behind it ("" for the operator)."""

    principal: Principal
    key_id: str


class Authenticator:
    """Verifies credentials."""

    def __init__(
        self,
        keys: KeyStore,
        tokens: ShopperTokens,
        operator: OperatorToken,
        limiter: RateLimiter,
        *,
        orders: OrderTokens,
        clock: Clock,
        settings: GatewaySettings,
        cache_limit: int = CACHE_LIMIT,
    ) -> None:
        self._keys, self._tokens, self._operator, self._orders = keys, tokens, operator, orders
        self._limiter, self._clock, self._cache_limit = limiter, clock, cache_limit
        self._trusted_s = settings.key_cache_ms / 1_000
        self._failed_rate = Rate(settings.failed_rate_per_s, settings.failed_burst)
        self._cache: dict[bytes, tuple[Identity, float]] = {}

    def cached(self, headers: Headers) -> Identity | None:
        """Return who this is if it was verified a moment ago; the hot path."""
        entry = self._cache.get(headers.get(b"authorization") or headers.get(b"x-api-key", b""))
        return entry[0] if entry is not None and entry[1] > self._clock.monotonic() else None

    async def identify(self, headers: Headers, address: str) -> Identity:
        """Return who this is. Raises an UNAUTHENTICATED error; after many from one address RateLimitedError."""
        known = self.cached(headers)
        if known is not None:
            return known
        self._limiter.check(f"failed {address}", self._failed_rate)
        try:
            identity, life_s = await self._verified(headers)
        except ZhikeError as error:
            if error.kind is ErrorKind.UNAUTHENTICATED:
                self._limiter.take(f"failed {address}", self._failed_rate)
            raise
        if len(self._cache) >= self._cache_limit:
            del self._cache[next(iter(self._cache))]
        until = self._clock.monotonic() + min(self._trusted_s, life_s)
        self._cache[headers.get(b"authorization") or headers[b"x-api-key"]] = (identity, until)
        return identity

    def forget(self) -> None:
        """Trust nothing any more: called after a revocation, so that it holds at once in this process."""
        self._cache.clear()

    async def _verified(self, headers: Headers) -> tuple[Identity, float]:
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        if authorization:
            if authorization[: len(_BEARER)].lower() != _BEARER:
                raise CredentialsMissingError("Authorization must be Bearer with a secret key or a token")
            return await self._verified_bearer(authorization[len(_BEARER) :].strip())
        api_key = headers.get(b"x-api-key", b"").decode("latin-1")
        if not api_key:
            raise CredentialsMissingError(
                "send X-Api-Key with a publishable key, or Authorization: Bearer with a secret key or a token"
            )
        if not api_key.startswith("pk_"):
            raise KeyMisplacedError("X-Api-Key takes a publishable key (pk_…); all others go into Authorization")
        return await self._verified_key(api_key)

    async def _verified_bearer(self, text: str) -> tuple[Identity, float]:
        if text.startswith("pk_"):
            raise KeyMisplacedError("a publishable key goes into X-Api-Key")
        if text.startswith("sk_"):
            return await self._verified_key(text)
        if text.startswith(OPERATOR_PREFIX):
            if not self._operator.matches(text):
                raise TokenInvalidError("this is not the operator token of this deployment")
            return Identity(Principal(Role.OPERATOR, name="operator", owner="operator"), ""), self._trusted_s
        token = await self._orders.read(text) if text.startswith(ORDER_PREFIX) else self._tokens.read(text)
        await self._check_minting_key(token.key_id)
        return Identity(token.principal, token.key_id), token.expire_time_s - self._clock.now().timestamp()

    async def _verified_key(self, text: str) -> tuple[Identity, float]:
        name, key = await self._keys.verify(text)
        principal = name.principal
        return Identity(principal, f"{name.name}.{key.number}"), self._trusted_s

    async def _check_minting_key(self, key_id: str) -> None:
        """A token ends with the key that made it; the operator's own tokens end with their hour."""
        if not key_id:
            return
        name, _, number = key_id.rpartition(".")
        stored = await self._keys.get(name)
        if stored is None or all(str(key.number) != number for key in stored.live):
            raise KeyRevokedError(f"key {key_id}, which made this token, is revoked", key=key_id)

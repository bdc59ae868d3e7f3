"""Access tokens of orders: who holds one may read and follow one order, for a day at most, until it is revoked.

A token is ``ot_<claims>.<mac>``: the order's id (a hash), when it was made and when it ends, and the key that made it;
nothing personal, for it travels in links. It ends with the key that made it. Revoking an order's tokens ends all that
were made until then; what is kept of it is one time for each order, for as long as such a token could live.
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import orjson

from gateway.errors import TokenExpiredError, TokenInvalidError, TokenRevokedError
from gateway.principals import Principal, Role
from services.chassis.clock import Clock
from services.chassis.documents.port import (
    Collection,
    DocumentStore,
    Index,
    KeyTakenError,
    Range,
    RevisionMismatchError,
)

PREFIX: Final = "ot_"
LIFE_LIMIT_S: Final = 86_400
TOKEN_LIMIT_CHARACTERS: Final = 512
MAC_BYTES: Final = 16
CLOCK_SKEW_MS: Final = 5_000  # of a gateway on another machine
FORGOTTEN_AT_ONCE: Final = 100  # old revocations that one revoking clears away
ATTEMPTS_LIMIT: Final = 5
_PURPOSE: Final = b"zhike order access 1"  # keeps these signatures apart from all others under the same secret
BY_TIME: Final = "time"

REVOCATIONS: Final = Collection("gateway-order-revocations", (Index(BY_TIME, ("revoked_ms",)),))


@dataclass(frozen=True, slots=True)
class OrderToken:
    """A read token: whom it stands for, by which key it was made, when it ends (seconds since 1970)."""

    principal: Principal
    key_id: str
    expire_time_s: float


class OrderTokens:
    """Makes, reads and revokes tokens. The first secret signs, all of them verify."""

    def __init__(self, signing_secrets: Sequence[str], documents: DocumentStore, clock: Clock) -> None:
        self._keys = tuple(hmac.digest(secret.encode(), _PURPOSE, "sha256") for secret in signing_secrets)
        self._documents, self._clock = documents, clock

    async def open(self) -> None:
        """Declare the collection; before anything else."""
        await self._documents.declare(REVOCATIONS)

    def mint(self, order_id: str, key_id: str, *, life_s: int) -> str:
        """Return a token for an order, in the name of the key that asks for it."""
        made_ms = self._now_ms()
        claims = orjson.dumps([order_id, made_ms, made_ms // 1_000 + min(life_s, LIFE_LIMIT_S), key_id])
        return f"{PREFIX}{_text(claims)}.{_text(_mac(self._keys[0], claims))}"

    async def read(self, text: str) -> OrderToken:
        """Verify. Raises TokenInvalidError, TokenExpiredError, TokenRevokedError."""
        order_id, made_ms, expire_s, key_id = self._claims(text)
        if expire_s * 1_000 <= self._now_ms():
            raise TokenExpiredError("this link to the order has ended: ask the shop for another")
        revoked = await self._documents.get(REVOCATIONS, order_id)
        if revoked is not None and made_ms <= revoked.body["revoked_ms"]:
            raise TokenRevokedError("this link to the order was taken back")
        return OrderToken(Principal(Role.ORDER, name=key_id, owner="", order_id=order_id), key_id, expire_s)

    async def revoke(self, order_id: str) -> None:
        """End every token of the order that was made until now."""
        body = {"revoked_ms": self._now_ms()}
        for _ in range(ATTEMPTS_LIMIT):
            known = await self._documents.get(REVOCATIONS, order_id)
            try:
                if known is None:
                    await self._documents.insert(REVOCATIONS, order_id, body)
                else:
                    await self._documents.replace(REVOCATIONS, order_id, body, expected_revision=known.revision)
            except (KeyTakenError, RevisionMismatchError):
                continue  # somebody else revokes as well
            break
        await self._forget_old()

    async def _forget_old(self) -> None:
        """Clear away what was revoked so long ago that no such token lives any more."""
        before = Range(below=self._now_ms() - LIFE_LIMIT_S * 1_000 - CLOCK_SKEW_MS)
        page = await self._documents.find(REVOCATIONS, BY_TIME, {}, range_=before, limit=FORGOTTEN_AT_ONCE)
        for document in page.documents:
            try:
                await self._documents.delete(REVOCATIONS, document.key, expected_revision=document.revision)
            except RevisionMismatchError:
                continue  # revoked again meanwhile

    def _claims(self, text: str) -> tuple[str, int, int, str]:
        invalid = TokenInvalidError("this is no link to an order of this shop")
        if len(text) > TOKEN_LIMIT_CHARACTERS or not text.startswith(PREFIX):
            raise invalid
        claims_text, _, mac_text = text[len(PREFIX) :].partition(".")
        try:
            claims, mac = _bytes(claims_text), _bytes(mac_text)
        except (binascii.Error, ValueError):
            raise invalid from None
        if not any(hmac.compare_digest(_mac(key, claims), mac) for key in self._keys):
            raise invalid
        order_id, made_ms, expire_s, key_id = orjson.loads(claims)
        if made_ms > self._now_ms() + CLOCK_SKEW_MS:
            raise invalid
        return order_id, made_ms, expire_s, key_id

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1_000)


def _mac(key: bytes, claims: bytes) -> bytes:
    return hmac.digest(key, claims, sha256)[:MAC_BYTES]


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    """Invert ``_text``. Raises binascii.Error, ValueError, also for another spelling of the same bytes."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _text(data) != text:
        raise ValueError("not the one spelling")
    return data

"""Shopper tokens (JWT, HS256) and the two secret files: the tokens' signing secret and the operator's token."""

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final

import jwt

from gateway.errors import TokenExpiredError, TokenInvalidError
from gateway.principals import IDENTIFIERS_LIMIT, Principal, Role
from services.chassis.clock import Clock

ALGORITHM: Final = "HS256"
ISSUER: Final = "zhike"
SECRET_FILE: Final = "shopper-token.secret"  # noqa: S105 - a file's name
OPERATOR_FILE: Final = "operator.token"
OPERATOR_PREFIX: Final = "op_"
TOKEN_LIMIT_CHARACTERS: Final = 4_096
CLOCK_SKEW_S: Final = 5  # of a gateway on another machine
_REQUIRED: Final = ["sub", "exp", "iat", "kid", "ids"]


@dataclass(frozen=True, slots=True)
class ShopperToken:
    """A read token: whom it speaks for, by which key it was made, when it ends (seconds since 1970)."""

    principal: Principal
    key_id: str
    expire_time_s: float


class ShopperTokens:
    """Makes and reads tokens. The first secret signs, all of them verify: a new one is put in front of the old."""

    def __init__(self, signing_secrets: Sequence[str], clock: Clock) -> None:
        self._secrets, self._clock = tuple(signing_secrets), clock

    def mint(self, principal: Principal, key_id: str, identifiers: Sequence[str], *, life_s: int) -> str:
        """Return a token that speaks for ``identifiers`` in the name of the secret key's owner."""
        now_s = int(self._clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "sub": identifiers[0],
            "ids": list(identifiers),
            "iat": now_s,
            "exp": now_s + life_s,
            "kid": key_id,
            "own": principal.owner,
            "shop": principal.shop,
            "chn": principal.channel,
            "syn": principal.synthetic,
        }
        return jwt.encode(claims, self._secrets[0], algorithm=ALGORITHM)

    def read(self, text: str) -> ShopperToken:
        """Verify and decode. Raises TokenInvalidError, TokenExpiredError."""
        if len(text) > TOKEN_LIMIT_CHARACTERS:
            raise TokenInvalidError(f"a shopper token has at most {TOKEN_LIMIT_CHARACTERS} characters")
        claims = self._claims(text)
        if claims["exp"] <= self._clock.now().timestamp():
            raise TokenExpiredError("this shopper token has ended: ask the shop for another")
        principal = Principal(
            Role.SHOPPER,
            name=claims["kid"],
            owner=claims["own"],
            shop=claims["shop"],
            channel=claims["chn"],
            identifiers=tuple(claims["ids"])[:IDENTIFIERS_LIMIT],
            synthetic=claims["syn"],
        )
        return ShopperToken(principal, claims["kid"], claims["exp"])

    def _claims(self, text: str) -> Mapping[str, Any]:
        # The clock is an argument here, so the library checks everything but the times.
        options: Any = {"require": _REQUIRED, "verify_exp": False, "verify_iat": False}
        for secret in self._secrets:
            try:
                claims: Mapping[str, Any] = jwt.decode(
                    text, secret, algorithms=[ALGORITHM], issuer=ISSUER, options=options
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.PyJWTError:
                break
            if claims["iat"] > self._clock.now().timestamp() + CLOCK_SKEW_S:
                break
            return claims
        raise TokenInvalidError("this is no shopper token of this shop")


class OperatorToken:
    """The token that may do everything; who can read the data directory's file is the operator."""

    def __init__(self, text: str) -> None:
        self._digest = sha256(text.encode()).digest()

    def matches(self, text: str) -> bool:
        """Whether this is it; takes as long for a wrong one."""
        return compare_digest(self._digest, sha256(text.encode()).digest())


def load_secrets(path: Path) -> tuple[str, ...]:
    """Return the signing secrets, one a line, made on first use."""
    return tuple(_read_or_make(path, "").split())


def load_operator_token(path: Path) -> str:
    """Return the operator's token, made on first use."""
    return _read_or_make(path, OPERATOR_PREFIX).strip()


def _read_or_make(path: Path, prefix: str) -> str:
    """Read a secret file that only its owner can read; write it whole before it has its name, so none reads half."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{prefix}{secrets.token_urlsafe(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(fresh, path)  # fails where another process was first: its secret stands
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    path.chmod(0o600)
    return path.read_text(encoding="ascii")

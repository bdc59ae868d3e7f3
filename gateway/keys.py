"""API keys: made once, shown once, kept only as hashes, two live per name so that a key can be changed without a gap.

A key is ``pk_<name>_<secret>`` or ``sk_<name>_<secret>`` with 256 random bits as secret. SHA-256 without salt or
stretching is right for it: stretching protects secrets that can be guessed, and 2^256 cannot be. All keys of a name are
one document, so "at most two" holds by compare and set.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

from gateway.errors import KeyLimitError, KeyNameTakenError, KeyRevokedError, KeyUnknownError
from gateway.principals import Principal, Role
from services.chassis.clock import Clock
from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    KeyTakenError,
    RevisionMismatchError,
)
from services.chassis.errors import NotFoundError

LIVE_LIMIT: Final = 2
REMEMBERED_LIMIT: Final = 20  # keys of one name, revoked ones included: an old key is answered "revoked" that long
NAMES_LIMIT: Final = 1_000
ATTEMPTS_LIMIT: Final = 5
SECRET_BYTES: Final = 32
NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_PREFIXES: Final = {"pk": True, "sk": False}

KEYS: Final = Collection("gateway-keys")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One key of a name. ``id``: ``<name>.<number>``."""

    number: int
    digest: str
    create_time: datetime
    revoke_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyName:
    """All keys of one name and what they may do."""

    name: str
    role: Role
    shop: str
    channel: str
    owner: str
    keys: tuple[StoredKey, ...] = ()

    @property
    def live(self) -> tuple[StoredKey, ...]:
        """The keys that are not revoked."""
        return tuple(key for key in self.keys if key.revoke_time is None)

    @property
    def principal(self) -> Principal:
        """Whom a live key of this name stands for."""
        return Principal(
            self.role,
            name=self.name,
            owner=self.owner,
            shop=self.shop,
            channel=self.channel,
            synthetic=self.role is Role.LOAD,
        )


class KeyStore:
    """The stored keys."""

    def __init__(self, documents: DocumentStore, clock: Clock) -> None:
        self._documents, self._clock = documents, clock

    async def open(self) -> None:
        """Declare the collection; before anything else."""
        await self._documents.declare(KEYS)

    async def create(self, wanted: KeyName) -> tuple[KeyName, str]:
        """Make a key; return its name with all keys, the new one last, and the text, which nobody sees again.

        Raises KeyLimitError, KeyNameTakenError.
        """
        secret = secrets.token_urlsafe(SECRET_BYTES)
        prefix = "pk" if wanted.role is Role.PUBLISHABLE else "sk"
        text = f"{prefix}_{wanted.name}_{secret}"
        for _ in range(ATTEMPTS_LIMIT):
            document = await self._documents.get(KEYS, wanted.name)
            stored = None if document is None else _name_from_document(document)
            changed = _with_new_key(stored, wanted, text_digest(text), self._clock.now())
            if await self._save(document, changed):
                return changed, text
        raise KeyLimitError("this name is being changed by somebody else; try again")

    async def revoke(self, key_id: str) -> KeyName:
        """Take a key back; doing it again changes nothing. Raises NotFoundError."""
        for _ in range(ATTEMPTS_LIMIT):
            document, number = await self._find(key_id)
            stored = _name_from_document(document)
            keys = tuple(
                replace(key, revoke_time=key.revoke_time or self._clock.now()) if key.number == number else key
                for key in stored.keys
            )
            changed = replace(stored, keys=keys)
            if await self._save(document, changed):
                return changed
        raise KeyLimitError("this name is being changed by somebody else; try again")

    async def list(self) -> list[KeyName]:
        """Return every name with its keys, in name order."""
        page = await self._documents.scan(KEYS, limit=NAMES_LIMIT)
        return [_name_from_document(document) for document in page.documents]

    async def get(self, name: str) -> KeyName | None:
        """Return a name or None."""
        document = await self._documents.get(KEYS, name)
        return None if document is None else _name_from_document(document)

    async def verify(self, text: str) -> tuple[KeyName, StoredKey]:
        """Return whose key this is. Raises KeyUnknownError, KeyRevokedError."""
        prefix, _, rest = text.partition("_")
        name, _, secret = rest.partition("_")
        stored = await self.get(name) if prefix in _PREFIXES and secret and NAME.fullmatch(name) else None
        if stored is not None and _PREFIXES[prefix] is (stored.role is Role.PUBLISHABLE):
            digest = text_digest(text)
            for key in stored.keys:
                if compare_digest(key.digest, digest):
                    if key.revoke_time is not None:
                        raise KeyRevokedError(f"key {name}.{key.number} is revoked", key=f"{name}.{key.number}")
                    return stored, key
        raise KeyUnknownError("this key is not known here")

    async def _find(self, key_id: str) -> tuple[Document, int]:
        name, _, number = key_id.rpartition(".")
        document = await self._documents.get(KEYS, name) if NAME.fullmatch(name) else None
        if document is not None:
            for key in document.body["keys"]:
                if str(key["number"]) == number:
                    return document, int(number)
        raise NotFoundError(f"there is no key {key_id[:64]}", resource="key", id=key_id[:64])

    async def _save(self, document: Document | None, changed: KeyName) -> bool:
        body = _body_from_name(changed)
        try:
            if document is None:
                await self._documents.insert(KEYS, changed.name, body)
            else:
                await self._documents.replace(KEYS, changed.name, body, expected_revision=document.revision)
        except (KeyTakenError, RevisionMismatchError):
            return False
        return True


def text_digest(text: str) -> str:
    """Return what is kept of a key."""
    return sha256(text.encode()).hexdigest()


def _with_new_key(stored: KeyName | None, wanted: KeyName, digest: str, now: datetime) -> KeyName:
    if stored is None:
        return replace(wanted, keys=(StoredKey(1, digest, now),))
    for field in ("role", "shop", "channel", "owner"):
        if getattr(stored, field) != getattr(wanted, field):
            raise KeyNameTakenError(
                f"the name {wanted.name} has keys with another {field}; a further key must equal them", field=field
            )
    if len(stored.live) >= LIVE_LIMIT:
        raise KeyLimitError(
            f"{wanted.name} has {LIVE_LIMIT} live keys: revoke one first",
            name=wanted.name,
            live=", ".join(f"{wanted.name}.{key.number}" for key in stored.live),
        )
    number = max(key.number for key in stored.keys) + 1
    keys = (*stored.keys, StoredKey(number, digest, now))
    return replace(stored, keys=keys[-REMEMBERED_LIMIT:])


def _name_from_document(document: Document) -> KeyName:
    body = document.body
    keys = tuple(
        StoredKey(each["number"], each["digest"], _time(each["create_time"]), _optional_time(each["revoke_time"]))
        for each in body["keys"]
    )
    return KeyName(document.key, Role(body["role"]), body["shop"], body["channel"], body["owner"], keys)


def _body_from_name(name: KeyName) -> Mapping[str, Any]:
    return {
        "role": name.role.value,
        "shop": name.shop,
        "channel": name.channel,
        "owner": name.owner,
        "keys": [
            {
                "number": key.number,
                "digest": key.digest,
                "create_time": key.create_time.isoformat(),
                "revoke_time": None if key.revoke_time is None else key.revoke_time.isoformat(),
            }
            for key in name.keys
        ],
    }


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _optional_time(text: str | None) -> datetime | None:
    return None if text is None else _time(text)

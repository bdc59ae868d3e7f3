"""Owns the secret that attribution tokens are checked with: made once, the same for every replica and restart."""

from typing import Final

from services.chassis.documents.port import Collection, DocumentStore, KeyTakenError

SECRETS: Final = Collection("secrets")
ATTRIBUTION: Final = "attribution"


async def attribution_secret(documents: DocumentStore, candidate: bytes) -> bytes:
    """Return the shop's secret; ``candidate`` becomes it when there is none."""
    await documents.declare(SECRETS)
    stored = await documents.get(SECRETS, ATTRIBUTION)
    if stored is None:
        try:
            stored = await documents.insert(SECRETS, ATTRIBUTION, {"secret": candidate.hex()})
        except KeyTakenError:  # another replica was first
            return await attribution_secret(documents, candidate)
    return bytes.fromhex(stored.body["secret"])

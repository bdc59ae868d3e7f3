"""Every replica and restart checks tokens with the same secret."""

from services.chassis.documents.memory import MemoryDocuments
from services.search.store.secret import attribution_secret


async def test_the_first_candidate_is_kept() -> None:
    documents = MemoryDocuments()
    assert await attribution_secret(documents, b"a" * 32) == b"a" * 32
    assert await attribution_secret(documents, b"b" * 32) == b"a" * 32

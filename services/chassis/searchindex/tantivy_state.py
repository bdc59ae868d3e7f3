"""Owns one state of a branch, as of one commit: the engine's searcher, and the entries that were read from it lately.

Documents lie compressed: reading one costs 5 µs, and a page has two dozen, most of them on many pages. What was read is
remembered, by us and, in whole blocks of documents (up to 1.6 MB a segment), by the engine's view that it was read
through. A state that is not the newest any more may be held for a walk, so it forgets both: documents are read through
a view of their own, which goes when the state retires.
"""

from typing import Final

import tantivy

from services.chassis.recent import Recent

KEPT_BYTES: Final = 24 * 1024 * 1024  # 8,500 products of the demo shop
_OVERHEAD_BYTES: Final = 256  # of a remembered entry beside its payload

Stored = tuple[str, bytes]  # id and payload


class State:
    """A view of one commit; it stays as it is while writes go on. Any thread may read.

    ``documents`` is another view of the same segments.
    """

    __slots__ = ("_documents", "_recent", "searcher")

    def __init__(
        self, searcher: tantivy.Searcher, documents: tantivy.Searcher, *, kept_bytes: int = KEPT_BYTES
    ) -> None:
        self.searcher = searcher
        self._documents = documents
        self._recent: Recent[tuple[int, int], Stored] | None = Recent(kept_bytes)

    def entry(self, address: tantivy.DocAddress) -> Stored:
        """Return an entry's id and payload."""
        recent = self._recent
        if recent is None:
            return self._read(address)
        place = (address.segment_ord, address.doc)
        known = recent.get(place)
        if known is None:
            known = self._read(address)
            recent.put(place, known, len(known[1]) + _OVERHEAD_BYTES)
        return known

    def id_of(self, address: tantivy.DocAddress) -> str:
        """Return an entry's id: asked for among many equals, so what is read for it is not remembered."""
        recent = self._recent
        known = None if recent is None else recent.get((address.segment_ord, address.doc))
        return str(self._documents.doc(address).get_first("id")) if known is None else known[0]

    def retire(self) -> None:
        """Forget what was read: a newer state answers from now on."""
        self._recent = None
        self._documents = self.searcher

    def _read(self, address: tantivy.DocAddress) -> Stored:
        document = self._documents.doc(address)
        return str(document.get_first("id")), bytes(document.get_first("payload") or b"")

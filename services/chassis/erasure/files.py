"""Uploads, error files and results of operations that name an erased person, however the name is spelled in them."""

import asyncio
import re
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from services.chassis.artifacts.port import ArtifactStore, BlobMissingError
from services.chassis.documents.port import Document, DocumentStore
from services.chassis.erasure.subjects import Subjects
from services.chassis.errors import NotFoundError, UnavailableError
from services.chassis.operations import OPERATIONS, Operations

SCAN_PAGE: Final = 200
OPERATION_WAIT_S: Final = 600.0  # for one that still reads a file which names them
WINDOW_BYTES: Final = 128 * 1024  # of a file at once: whoever is served meanwhile waits for no more
OVERLAP_BYTES: Final = 1_024  # no name is longer, with what stands between its characters
SHORT_BYTES: Final = 5  # a shorter name counts only as a word of its own: it is part of too many others
_HOME_CODE: Final = "86"  # people write their own country's numbers without it
_SEPARATORS: Final = b" -./\\()[]_"  # stand inside names as people and exports write them
_DASHES: Final = {ord(each): "-" for each in "‐‑‒–—−－"}
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class NameSearch:
    """Looks for names in files. Letter case, width and separators make no difference, a telephone's +86 neither."""

    def __init__(self, erasures: Mapping[str, str]) -> None:
        self._long: dict[bytes, str] = {}
        self._short: dict[str, str] = {}
        for name, erasure_id in erasures.items():
            value = _folded(name.partition(":")[2] or name)
            if name.startswith(("phone:", "+")):
                value = value.removeprefix("+").removeprefix(_HOME_CODE)
            flat = _flat(value)
            if len(flat) >= SHORT_BYTES:
                self._long.setdefault(flat, erasure_id)
            elif value:
                self._short.setdefault(value, erasure_id)
        words = "|".join(map(re.escape, sorted(self._short, key=len, reverse=True)))
        self._words = re.compile(rf"(?<=\W)(?:{words})(?=\W)") if words else None

    def in_file(self, path: Path) -> str:
        """Return the receipt of a name that the file holds, "" for none."""
        return next((found for window in _windows(path) if (found := self.in_text(window))), "")

    def in_text(self, text: bytes) -> str:
        """Return the receipt of a name in UTF-8 text, "" for none; a short one needs another character beside it."""
        folded = _folded(text.decode("utf-8", "ignore"))
        word = self._words.search(folded) if self._words is not None else None
        if word is not None:
            return self._short[word.group()]
        flat = _flat(folded)
        return next((erasure_id for name, erasure_id in self._long.items() if name in flat), "")


async def erase_files(
    documents: DocumentStore, artifacts: ArtifactStore, operations: Operations, subjects: Subjects
) -> Counter[str]:
    """Remove the files that name them and the rows that operations quote; return how many by receipt.

    Operations that still run on such a file end first: two may share it. Raises UnavailableError when one goes on.
    """
    search, counts = NameSearch(subjects.erasures), Counter[str]()
    async for document in _operations(documents):
        if not document.body["done"] and (
            subjects.names_any(document.body["arguments"]) or await _named_files(artifacts, document.body, search)
        ):
            with suppress(NotFoundError):
                await operations.wait(document.key, timeout_s=OPERATION_WAIT_S)
    async for document in _operations(documents):
        found = await _named_files(artifacts, document.body, search)
        if found and not document.body["done"]:
            raise UnavailableError("an operation on a file with an erased person goes on", operation=document.key)
        for digest, erasure_id in found.items():
            counts[erasure_id] += await artifacts.delete(digest)
        await _erase_quotes(documents, document, search)
    return counts


async def _operations(documents: DocumentStore) -> AsyncIterator[Document]:
    after: str | None = None
    while True:
        page = await documents.scan(OPERATIONS, after=after, limit=SCAN_PAGE)
        for document in page.documents:
            yield document
        after = page.next_after
        if after is None:
            return


async def _named_files(artifacts: ArtifactStore, body: Mapping[str, Any], search: NameSearch) -> dict[str, str]:
    """Return the files of an operation that name one of them, each with the receipt that it counts for."""
    found: dict[str, str] = {}
    for digest in _files_of(body):
        if await artifacts.exists(digest):
            with suppress(BlobMissingError):
                path = await artifacts.open_path(digest)
                erasure_id = await asyncio.to_thread(search.in_file, path)
                if erasure_id:
                    found[digest] = erasure_id
    return found


async def _erase_quotes(documents: DocumentStore, document: Document, search: NameSearch) -> None:
    """Take the quoted rows out of an operation that has ended when one of them names somebody."""
    messages = [message for _, _, message, _ in document.body["progress"].get("errors", ())]
    quotes = "\n".join(["", *messages, ""])
    if document.body["done"] and search.in_text(quotes.encode("utf-8", "ignore")):
        body = {**document.body, "progress": {**document.body["progress"], "errors": []}}
        await documents.replace(OPERATIONS, document.key, body, expected_revision=document.revision)


def _files_of(body: Mapping[str, Any]) -> list[str]:
    progress = body["progress"]
    named = [progress["error_file"], progress.get("result_file", ""), *body["arguments"].values()]
    return [each for each in named if isinstance(each, str) and _DIGEST.fullmatch(each)]


def _windows(path: Path) -> Iterator[bytes]:
    """Yield the file in pieces that overlap, as if an empty line stood before and after it."""
    with path.open("rb") as file:
        before = b"\n"
        while chunk := file.read(WINDOW_BYTES):
            yield before + chunk
            before = (before + chunk)[-OVERLAP_BYTES:]
        yield before + b"\n"


def _folded(text: str) -> str:
    return (text if text.isascii() else unicodedata.normalize("NFKC", text).translate(_DASHES)).casefold()


def _flat(folded: str) -> bytes:
    return folded.encode("utf-8", "ignore").translate(None, _SEPARATORS)

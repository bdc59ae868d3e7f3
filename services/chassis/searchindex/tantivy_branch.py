"""Owns one branch on disk: a tantivy index, its single writer, and which version of each entry is newest.

The writing methods are called from one thread only; ``state`` may be called from any.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import tantivy

from services.chassis.searchindex.checks import entry_problem, epoch_ms, id_problem, version_problem
from services.chassis.searchindex.port import (
    DateField,
    Entry,
    Field,
    IndexLockedError,
    IndexSchema,
    IndexUnavailableError,
    KeywordField,
    LongField,
    Outcome,
    Put,
    Remove,
    TextField,
    Value,
    Write,
    WriteResult,
)
from services.chassis.searchindex.ranking import id_prefix
from services.chassis.searchindex.tantivy_state import State

TOMBSTONE_LIMIT: Final = 100_000
WRITER_HEAP_BYTES: Final = 20_000_000
OPEN_TRIES: Final = 3  # against merges that end in the same fifth of a millisecond
_TOKENIZER: Final = "whitespace_only"


class Branch:
    """An open branch. Raises IndexLockedError when another process writes to it."""

    def __init__(self, directory: Path, schema: IndexSchema) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._schema = schema
        self._kinds: Mapping[str, Field] = {declared.name: declared for declared in schema.fields}
        self.engine_schema = engine_schema(schema)
        self._index = tantivy.Index(self.engine_schema, path=str(directory))
        self._index.register_tokenizer(_TOKENIZER, tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
        self._writer: tantivy.IndexWriter | None = self._open_writer()
        self._pending: dict[str, int] = {}
        self._tombstones: dict[str, int] = {}
        self._meta = directory / "meta.json"
        self._state = self._open_state()

    def state(self) -> State:
        """Return the state of the last commit."""
        return self._state

    def apply(self, writes: Sequence[Write]) -> tuple[WriteResult, ...]:
        """Hand the writes to the engine; they are visible and durable after ``commit``."""
        try:
            return tuple(self._apply(write) for write in writes)
        except (ValueError, OSError, RuntimeError) as error:
            self._recover()
            raise IndexUnavailableError("the index refused a batch", index=self._schema.name) from error

    def commit(self) -> None:
        """Make everything applied so far durable and visible."""
        if not self._pending:
            return
        try:
            self._engine_writer().commit()
            newest = self._open_state()
        except (ValueError, OSError, RuntimeError) as error:
            self._recover()
            raise IndexUnavailableError("the index could not be written", index=self._schema.name) from error
        before, self._state = self._state, newest
        before.retire()
        self._pending.clear()

    def close(self) -> None:
        """Commit, let merges finish and release the directory."""
        if self._writer is None:
            return
        try:
            self.commit()
        finally:
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.wait_merging_threads()

    def _apply(self, write: Write) -> WriteResult:
        entry_id, version = (
            (write.entry.id, write.entry.version) if isinstance(write, Put) else (write.id, write.version)
        )
        problem = (
            entry_problem(write.entry, self._schema)
            if isinstance(write, Put)
            else id_problem(entry_id) or version_problem(version)
        )
        if problem:
            return WriteResult(entry_id, Outcome.REJECTED, problem)
        newest = self._newest_version(entry_id)
        if newest is not None and newest >= version:
            return WriteResult(entry_id, Outcome.STALE)
        writer = self._engine_writer()
        writer.delete_documents_by_term("id", entry_id)
        match write:
            case Put(entry):
                writer.add_document(self._document(entry))
                self._tombstones.pop(entry_id, None)
            case Remove():
                self._remember_removal(entry_id, version)
        self._pending[entry_id] = version
        return WriteResult(entry_id, Outcome.APPLIED)

    def _newest_version(self, entry_id: str) -> int | None:
        known = self._pending.get(entry_id, self._tombstones.get(entry_id))
        searcher = self._state.searcher
        if known is not None or not searcher.num_docs:
            return known
        found = searcher.search(tantivy.Query.term_query(self.engine_schema, "id", entry_id), limit=1, count=False)
        addresses = [address for _, address in found.hits]
        versions = searcher.fast_field_values("version", addresses) if addresses else []
        return None if not versions or versions[0] is None else int(versions[0])

    def _remember_removal(self, entry_id: str, version: int) -> None:
        self._tombstones.pop(entry_id, None)
        self._tombstones[entry_id] = version
        if len(self._tombstones) > TOMBSTONE_LIMIT:
            del self._tombstones[next(iter(self._tombstones))]

    def _document(self, entry: Entry) -> tantivy.Document:
        document = tantivy.Document()
        document.add_text("id", entry.id)
        document.add_integer("id_prefix", id_prefix(entry.id))
        document.add_integer("version", entry.version)
        document.add_bytes("payload", entry.payload)
        for name, value in entry.values.items():
            _add_value(document, self._kinds[name], value)
        return document

    def _engine_writer(self) -> tantivy.IndexWriter:
        if self._writer is None:
            raise IndexUnavailableError("the index is closed", index=self._schema.name)
        return self._writer

    def _open_state(self) -> State:
        """Return the state of the last commit: one view to search and, for documents, another of the same segments.

        Merges change the segments at any moment; the views are the same where the engine's own list did not.
        """
        for _ in range(OPEN_TRIES):
            segments = self._meta.read_bytes()
            self._index.reload()
            searcher = self._index.searcher()
            self._index.config_reader("Manual")
            documents = self._index.searcher()
            if self._meta.read_bytes() == segments:
                return State(searcher, documents)
        return State(searcher, searcher)

    def _open_writer(self) -> tantivy.IndexWriter:
        try:
            return self._index.writer(heap_size=WRITER_HEAP_BYTES, num_threads=1)
        except ValueError as error:
            if "LockBusy" in str(error):
                raise IndexLockedError("another process writes to this index", index=self._schema.name) from error
            raise IndexUnavailableError("the index cannot be opened", index=self._schema.name) from error

    def _recover(self) -> None:
        """Drop what was not committed and open a new writer: after an error the engine's writer thread may be dead."""
        self._pending.clear()
        self._writer = None
        self._writer = self._open_writer()


def engine_schema(schema: IndexSchema) -> tantivy.Schema:
    """Return tantivy's schema. Numbers are signed: a Python int in an unsigned field kills the writer thread."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, fast=True, tokenizer_name="raw", index_option="basic")
    builder.add_integer_field("id_prefix", fast=True)
    builder.add_integer_field("version", fast=True)
    builder.add_bytes_field("payload", stored=True)
    for declared in schema.fields:
        match declared:
            case TextField(name):
                builder.add_text_field(name, tokenizer_name=_TOKENIZER, index_option="position")
            case KeywordField(name):
                builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
            case LongField(name) | DateField(name):
                builder.add_integer_field(name, indexed=True, fast=True)
    return builder.build()


def _add_value(document: tantivy.Document, declared: Field, value: Value) -> None:
    match declared:
        case TextField(name):
            document.add_text(name, _sound(str(value)))
        case KeywordField(name):
            for keyword in (value,) if isinstance(value, str) else value:  # type: ignore[union-attr]
                document.add_text(name, _sound(str(keyword)))
        case LongField(name) | DateField(name):
            document.add_integer(name, epoch_ms(value))  # type: ignore[arg-type]


def _sound(text: str) -> str:
    """Return ``text`` with lone surrogates replaced: the engine takes UTF-8 only."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()

"""The embedded search index: tantivy directories, one per branch, one writing process for each.

Layout: ``<directory>/<index>/<schema fingerprint>/<branch>/`` and beside the branches ``live``, which names the live
one and is replaced atomically. An index that cannot be opened is no loss: it is a projection, built again by its owner.
"""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar, TypeVarTuple

from services.chassis.clock import Clock, SystemClock
from services.chassis.searchindex.checks import check_query, check_schema
from services.chassis.searchindex.port import (
    BULK_LIMIT,
    PAGE_LIMIT,
    BranchConflictError,
    Hit,
    IndexPage,
    IndexQuery,
    IndexQueryError,
    IndexSchema,
    IndexUnavailableError,
    Write,
    WriteResult,
)
from services.chassis.searchindex.tantivy_branch import Branch
from services.chassis.searchindex.tantivy_query import QueryCompiler
from services.chassis.searchindex.tantivy_search import Reading
from services.chassis.searchindex.tantivy_state import State
from services.chassis.searchindex.walks import Walks, brought_up_to_date, parted, with_number

# Up to here a search takes about a millisecond, most of it Python that a thread would not spare the loop
# (benchmarks/search_engine.py); above it the engine's own part grows and leaves the event loop. It releases the GIL.
INLINE_ENTRIES: Final = 50_000
SEARCH_THREADS: Final = 2

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


@dataclass(slots=True)
class _Index:
    schema: IndexSchema
    directory: Path
    compiler: QueryCompiler | None = None
    live: str | None = None
    branches: dict[str, Branch] = field(default_factory=dict)
    walks: Walks[State] = field(kw_only=True)


class TantivySearchIndex:
    """The port on local directories. One instance owns ``directory``."""

    def __init__(self, directory: Path, *, inline_entries: int = INLINE_ENTRIES, clock: Clock | None = None) -> None:
        self._directory = directory
        self._clock = clock or SystemClock()
        self._inline_entries = inline_entries
        self._indexes: dict[str, _Index] = {}
        # One thread writes: order of writes, versions and commits is the order of calls.
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="index-write")
        self._searching = ThreadPoolExecutor(SEARCH_THREADS, thread_name_prefix="index-search")
        self._closed = False

    async def declare(self, schema: IndexSchema) -> str | None:
        check_schema(schema)
        known = self._indexes.get(schema.name)
        if known and known.schema.fingerprint == schema.fingerprint:
            return known.live
        folder = self._directory / schema.name / schema.fingerprint
        index = _Index(schema, folder, walks=Walks(self._clock))
        live = await self._in_writer(_read_live, index.directory)
        if live is not None:
            branch = await self._in_writer(_opened_or_none, index.directory / live, schema)
            if branch is not None:
                index.live, index.branches[live] = live, branch
                index.compiler = QueryCompiler(schema, branch.engine_schema)
        self._indexes[schema.name] = index
        return index.live

    async def open_branch(self, name: str) -> str:
        index = self._index(name)
        branch_name = await self._in_writer(_next_branch_name, index.directory)
        branch = await self._in_writer(Branch, index.directory / branch_name, index.schema)
        index.branches[branch_name] = branch
        return branch_name

    async def promote(self, name: str, branch: str, *, expected: str | None) -> None:
        index = self._index(name)
        if branch not in index.branches or index.live != expected:
            raise BranchConflictError("another branch is live or the branch does not exist", index=name, branch=branch)
        await self._in_writer(index.branches[branch].commit)
        await self._in_writer(_write_live, index.directory, branch)
        index.compiler = QueryCompiler(index.schema, index.branches[branch].engine_schema)
        index.live = branch
        index.walks.clear()
        others = {other: index.branches.pop(other) for other in list(index.branches) if other != branch}
        for retired in others.values():
            await self._in_writer(retired.close)
        await self._in_writer(_remove_others, index.directory, branch)

    async def drop_branch(self, name: str, branch: str) -> None:
        index = self._index(name)
        if branch == index.live:
            raise BranchConflictError("the live branch cannot be dropped", index=name, branch=branch)
        retired = index.branches.pop(branch, None)
        if retired:
            await self._in_writer(retired.close)
            await self._in_writer(shutil.rmtree, index.directory / branch)

    async def bulk(self, name: str, writes: Sequence[Write], *, branch: str | None = None) -> tuple[WriteResult, ...]:
        if len(writes) > BULK_LIMIT:
            raise IndexQueryError(f"a batch has more than {BULK_LIMIT} writes", index=name)
        return await self._in_writer(self._branch(name, branch).apply, writes)

    async def refresh(self, name: str, *, branch: str | None = None) -> None:
        await self._in_writer(self._branch(name, branch).commit)

    async def search(self, name: str, query: IndexQuery) -> IndexPage:
        index, branch = self._index(name), self._branch(name, None)
        check_query(query, index.schema)
        newest, number = branch.state(), 0
        if query.after is not None:
            number, position = parted(query.after)
            query = replace(query, after=position)
        state = index.walks.state(number, newest)
        reading = Reading(state, _compiler(index))
        if state.searcher.num_docs <= self._inline_entries:
            page = reading.page(query)
        else:
            page = await asyncio.get_running_loop().run_in_executor(self._searching, reading.page, query)
        if state is not newest and page.hits:
            present = Reading(newest, _compiler(index)).entries([hit.id for hit in page.hits], branch.engine_schema)
            page = brought_up_to_date(page, present)
        if page.next_after is not None:
            page = replace(page, next_after=with_number(page.next_after, index.walks.hold(state, number)))
        return page

    async def get(self, name: str, ids: Sequence[str]) -> dict[str, Hit]:
        if len(ids) > PAGE_LIMIT:
            raise IndexQueryError(f"more than {PAGE_LIMIT} ids", index=name)
        index, branch = self._index(name), self._branch(name, None)
        if not ids:
            return {}
        return Reading(branch.state(), _compiler(index)).entries(ids, branch.engine_schema)

    async def count(self, name: str, *, branch: str | None = None) -> int:
        entries: int = self._branch(name, branch).state().searcher.num_docs
        return entries

    async def ping(self) -> None:
        if self._closed:
            raise IndexUnavailableError("the index is closed")

    async def close(self) -> None:
        if self._closed:
            return
        for index in self._indexes.values():
            index.walks.clear()
            for branch in index.branches.values():
                await self._in_writer(branch.close)
        self._closed = True
        self._writing.shutdown()
        self._searching.shutdown()

    def _index(self, name: str) -> _Index:
        if self._closed:
            raise IndexUnavailableError("the index is closed", index=name)
        if name not in self._indexes:
            raise IndexQueryError(f"index {name} was not declared", index=name)
        return self._indexes[name]

    def _branch(self, name: str, branch: str | None) -> Branch:
        index = self._index(name)
        wanted = branch or index.live
        if wanted is None:
            raise IndexUnavailableError("the index has no live branch yet", index=name)
        if wanted not in index.branches:
            raise BranchConflictError("the branch does not exist", index=name, branch=wanted)
        return index.branches[wanted]

    async def _in_writer(self, function: Callable[[*Ts], T], *arguments: *Ts) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writing, function, *arguments)


def _compiler(index: _Index) -> QueryCompiler:
    if index.compiler is None:
        raise IndexUnavailableError("the index has no live branch yet", index=index.schema.name)
    return index.compiler


def _opened_or_none(directory: Path, schema: IndexSchema) -> Branch | None:
    """Open a branch; one that is damaged counts as absent. IndexLockedError passes: the branch is sound, and taken."""
    try:
        return Branch(directory, schema)
    except (ValueError, OSError):
        return None


def _read_live(directory: Path) -> str | None:
    with contextlib.suppress(FileNotFoundError):
        name = (directory / "live").read_text().strip()
        if name and (directory / name).is_dir():
            return name
    return None


def _write_live(directory: Path, branch: str) -> None:
    draft = directory / "live.draft"
    with draft.open("w") as file:
        file.write(branch)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(directory / "live")
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _next_branch_name(directory: Path) -> str:
    taken = [int(path.name[1:]) for path in directory.glob("b*") if path.name[1:].isdigit()]
    return f"b{max(taken, default=0) + 1:06d}"


def _remove_others(directory: Path, live: str) -> None:
    """Remove retired branches, unfinished ones of earlier runs, and those of other schemas."""
    for path in (*directory.iterdir(), *directory.parent.iterdir()):
        if path.is_dir() and path not in {directory, directory / live}:
            shutil.rmtree(path)

"""The adapters that the search index contract runs on: a new one adds its name and an opener here, nothing else."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from services.chassis.searchindex.port import SearchIndex
from services.chassis.searchindex.tantivy import TantivySearchIndex
from tests.fakes.elastic import REAL, new_prefix, open_elastic, remove_indexes

# Opens the index that the test's directory names, again after it was closed too.
Opener = Callable[[], Awaitable[SearchIndex]]


@pytest.fixture(params=["tantivy", "tantivy-threads", REAL])
async def opener(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    opened: list[SearchIndex] = []
    prefix = new_prefix()

    async def open_index() -> SearchIndex:
        match request.param:
            case "tantivy":
                index: SearchIndex = TantivySearchIndex(tmp_path)
            case "tantivy-threads":
                index = TantivySearchIndex(tmp_path, inline_entries=0)
            case "elasticsearch":
                index = open_elastic(prefix)
        opened.append(index)
        return index

    yield open_index
    for index in opened:
        await index.close()
    if opened and request.param == "elasticsearch":
        await remove_indexes(prefix)


@pytest.fixture
async def index(opener: Opener) -> SearchIndex:
    return await opener()

"""The settings choose the adapters; what this version does not have is said, not replaced."""

from pathlib import Path

import pytest

from services.chassis.adapters import open_adapters, open_search_index
from services.chassis.clock import SystemClock
from services.chassis.documents.lock import StoreInUseError
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.mongo import MongoDocuments
from services.chassis.documents.sqlite import SqliteDocuments
from services.chassis.searchindex.elastic import ElasticSearchIndex
from services.chassis.searchindex.tantivy import TantivySearchIndex
from services.chassis.settings import ChassisSettings, SettingsError, load_settings


@pytest.mark.parametrize(
    ("documents", "adapter"),
    [("sqlite", SqliteDocuments), ("memory", MemoryDocuments), ("mongodb://db.invalid/shop", MongoDocuments)],
)
async def test_the_named_store_is_opened_in_the_services_own_folder(
    tmp_path: Path, documents: str, adapter: type
) -> None:
    adapters = await open_adapters(ChassisSettings(data=tmp_path / "data", documents=documents), "search")
    assert isinstance(adapters.documents, adapter)
    assert adapters.folder == tmp_path / "data" / "search"
    assert adapters.folder.stat().st_mode & 0o077 == 0, "nobody else on the machine reads customers' data"
    await adapters.close()


@pytest.mark.parametrize(
    ("field", "value"),
    [("artifacts", "gridfs"), ("search_index_ca", Path("nowhere"))],
)
async def test_an_adapter_that_cannot_be_opened_is_a_clear_error_before_anything_is(
    tmp_path: Path, field: str, value: object
) -> None:
    with pytest.raises(SettingsError, match=f"ZHIKE_{field.upper()}"):
        await open_adapters(ChassisSettings(data=tmp_path / "data", **{field: value}), "search")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "address",
    [
        "mongodb://",
        "mongodb://name:pass@word@db",
        "mongodb://db:port",
        "mongodb://db/a b",
        "mongodb://db/" + "x" * 63,
        "mongodb://db/?w=none&tls=perhaps",
    ],
)
async def test_an_address_that_names_no_database_is_a_clear_error_that_does_not_repeat_it(
    tmp_path: Path, address: str
) -> None:
    with pytest.raises(SettingsError, match="ZHIKE_DOCUMENTS: not the address of a MongoDB") as caught:
        await open_adapters(ChassisSettings(data=tmp_path, documents=address), "search")
    assert "pass@word" not in caught.value.message
    adapters = await open_adapters(ChassisSettings(data=tmp_path), "search")  # nothing was left locked
    await adapters.close()


async def test_a_folder_is_opened_once_at_a_time_and_again_after_it_was_closed(tmp_path: Path) -> None:
    settings = ChassisSettings(data=tmp_path)
    first = await open_adapters(settings, "search")
    with pytest.raises(StoreInUseError):
        await open_adapters(settings, "search")
    other = await open_adapters(settings, "knowledge")
    await first.close()
    again = await open_adapters(settings, "search")
    await again.close()
    await other.close()


async def test_a_store_that_cannot_be_opened_leaves_no_lock(tmp_path: Path) -> None:
    settings = ChassisSettings(data=tmp_path)
    (tmp_path / "search").mkdir()
    obstacle = tmp_path / "search" / "artifacts"
    obstacle.write_text("a file where a folder should be")
    with pytest.raises(Exception, match="failed"):
        await open_adapters(settings, "search")
    obstacle.unlink()
    await (await open_adapters(settings, "search")).close()


@pytest.mark.parametrize(
    ("address", "adapter"),
    [("tantivy", TantivySearchIndex), ("http://reader:secret@search.invalid:9200", ElasticSearchIndex)],
)
async def test_the_named_search_index_is_opened(tmp_path: Path, address: str, adapter: type) -> None:
    index = open_search_index(ChassisSettings(search_index=address), tmp_path, "search", SystemClock())
    assert isinstance(index, adapter)
    await index.close()


@pytest.mark.parametrize("address", ["http://", "http://name:secret@search", "http://search:port"])
def test_an_address_of_no_search_server_is_a_clear_error_that_does_not_repeat_it(tmp_path: Path, address: str) -> None:
    with pytest.raises(SettingsError, match="ZHIKE_SEARCH_INDEX: must be") as caught:
        open_search_index(ChassisSettings(search_index=address), tmp_path, "search", SystemClock())
    assert "secret" not in caught.value.message


@pytest.mark.parametrize("prefix", ["", "Zhike", "1zhike", "zhike*", "a,b", "z" * 65])
def test_a_prefix_that_no_index_may_have_is_refused(prefix: str) -> None:
    with pytest.raises(SettingsError, match="ZHIKE_SEARCH_INDEX_PREFIX"):
        load_settings(ChassisSettings, "search", {"ZHIKE_SEARCH_INDEX_PREFIX": prefix or " "})

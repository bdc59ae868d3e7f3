"""Every artifact store, one after the other: a further adapter only adds its name here."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.chassis.artifacts.gridfs import GridFsArtifacts
from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.port import ArtifactStore
from tests.contract.conftest import mongodb_address, open_mongo

LIMIT_BYTES = 3 * 1024 * 1024


@pytest.fixture(params=["local", pytest.param("gridfs", marks=pytest.mark.real)])
def adapter(request: pytest.FixtureRequest) -> str:
    if request.param == "gridfs":
        mongodb_address()
    return str(request.param)


@pytest.fixture
async def artifacts(adapter: str, tmp_path: Path) -> AsyncIterator[ArtifactStore]:
    """An empty store whose blobs hold at most LIMIT_BYTES."""
    if adapter == "local":
        local = LocalArtifacts(tmp_path / "artifacts", limit_bytes=LIMIT_BYTES)
        await local.open()
        yield local
        await local.close()
        return
    documents = open_mongo(tmp_path)
    remote = GridFsArtifacts(documents, tmp_path / "artifacts", limit_bytes=LIMIT_BYTES)
    await remote.open()
    yield remote
    await remote.close()
    await documents.close()

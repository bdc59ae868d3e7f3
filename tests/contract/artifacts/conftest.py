"""Every artifact store, one after the other: a further adapter only adds its name here."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.port import ArtifactStore

LIMIT_BYTES = 3 * 1024 * 1024


@pytest.fixture(params=["local"])
async def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ArtifactStore]:
    """An empty store whose blobs hold at most LIMIT_BYTES."""
    assert request.param == "local"
    store = LocalArtifacts(tmp_path / "artifacts", limit_bytes=LIMIT_BYTES)
    await store.open()
    yield store
    await store.close()

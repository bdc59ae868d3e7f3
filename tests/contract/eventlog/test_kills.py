"""SIGKILL of real processes under load: docs/consistency.md rules 2 to 8 together; benchmarks.durability does more."""

from collections.abc import Iterator
from io import StringIO

import pymongo
import pytest
from rich.console import Console

from benchmarks.durability import SQLITE, measure
from benchmarks.durability_stages import CHASSIS_STAGE
from services.chassis.documents.mongo import database_name
from tests.contract.conftest import mongodb_address


@pytest.fixture(params=[SQLITE, pytest.param("mongodb", marks=pytest.mark.real)])
def documents_setting(request: pytest.FixtureRequest, tmp_path) -> Iterator[str]:
    """What ZHIKE_DOCUMENTS says."""
    if request.param == SQLITE:
        yield SQLITE
        return
    address = f"{mongodb_address().rstrip('/')}/kills-{tmp_path.parent.name}"
    yield address
    with pymongo.MongoClient(address) as client:
        for service in CHASSIS_STAGE.programs:
            client.drop_database(database_name(address, service))


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_killing_the_owner_and_a_reader_of_a_log_loses_and_doubles_nothing(tmp_path, documents_setting):
    console = Console(file=StringIO())
    result = await measure(CHASSIS_STAGE, tmp_path, kills=4, seed=7, console=console, documents=documents_setting)
    assert (result.kills, result.lost, result.doubled, result.projections_equal) == (4, 0, 0, True)
    assert result.acknowledged > 100

"""SIGKILL of real processes under load: docs/consistency.md rules 2 to 8 together; benchmarks.durability does more."""

from io import StringIO

import pytest
from rich.console import Console

from benchmarks.durability import measure
from benchmarks.durability_stages import CHASSIS_STAGE


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_killing_the_owner_and_a_reader_of_a_log_loses_and_doubles_nothing(tmp_path):
    result = await measure(CHASSIS_STAGE, tmp_path, kills=4, seed=7, console=Console(file=StringIO()))
    assert (result.kills, result.lost, result.doubled, result.projections_equal) == (4, 0, 0, True)
    assert result.acknowledged > 100

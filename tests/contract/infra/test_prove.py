"""The proof of a replica set proves nothing on a server that is none, and says so."""

import os
import subprocess
import sys

import pymongo
import pytest

from infra.mongodb.prove import DoesNotHoldError, Heard, Proof, check_kept

pytestmark = pytest.mark.real


def test_a_standalone_server_proves_nothing(mongodb_here: str) -> None:
    with pymongo.MongoClient(mongodb_here) as client:
        if "setName" in client.admin.command("hello"):
            pytest.skip("this is a replica set: run infra.mongodb.prove")
    done = subprocess.run(
        [sys.executable, "-m", "infra.mongodb.prove"],
        env={**os.environ, "ZHIKE_TEST_MONGODB": mongodb_here},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.startswith("nothing is proven: this server is no member of a replica set")


async def test_what_any_server_shows_is_examined(mongodb_here: str) -> None:
    """The order of values and the naming of taken values need no replica set; the check itself runs here."""
    proof = Proof(mongodb_here, Heard())
    try:
        await proof.declare()
        assert "in order" in await proof.order_and_refusals()
        assert "readable at once" in await proof.refusals_are_committed()
    finally:
        await proof.close()


def test_a_lost_a_stale_and_a_foreign_write_are_seen() -> None:
    check_kept({"k": 2}, {"k": 2})
    for stored in ({}, {"k": 1}, {"k": 2, "other": 2}):
        with pytest.raises(DoesNotHoldError):
            check_kept({"k": 2}, stored)

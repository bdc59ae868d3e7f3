"""Proves on a real replica set what no stand-in can show: ``python -m infra.mongodb.prove [--failover]``.

ZHIKE_TEST_MONGODB (or --mongodb) names the deployment; a database of its own is made there and dropped. Checked are:
that an acknowledged write was committed by a majority and lies in a majority's journals, that every command that the
documents adapter sends is served by a bounded walk of one index (explain, on the very commands that were heard), the
order of values, which of two taken values is named, and with --failover that no acknowledged write is lost or doubled
while the primary steps down under load. Needs the right to read the set's status (clusterMonitor), with --failover to
step down (clusterManager). Exit 0: proven; 1: something does not hold; 2: nothing could be proven here.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import pymongo
from pymongo import monitoring
from pymongo.errors import AutoReconnect, PyMongoError

from infra.mongodb.plans import plan_of
from services.chassis.documents.mongo import MongoDocuments
from services.chassis.documents.port import (
    Collection,
    Index,
    KeyTakenError,
    Range,
    RevisionMismatchError,
    StoreUnavailableError,
)

THINGS = Collection(
    "things",
    (
        Index("by_shop", ("shop", "day")),
        Index("once", ("number",), unique=True),
        Index("also", ("other",), unique=True),
    ),
)
DOCUMENTS = 5_000
PAGE = 100
WRITERS = 8
ROUNDS = 50
FAILOVER_S = 45.0
STEP_DOWN_S = 20
COMMIT_LIMIT_S = 10.0
ORDERED = [None, -(2**63), -1, 0, 2**63 - 1, "", "\u0000", "A", "a", "é", "客", "\uffff", "🙂"]


class NotProvableError(Exception):
    """The server is not what could prove anything."""


class DoesNotHoldError(Exception):
    """A guarantee that this deployment does not keep."""


class Heard(monitoring.CommandListener):
    """The reads and writes that the adapter sent, as explain takes them."""

    EXPLAINED = frozenset({"find", "aggregate", "update", "delete"})
    BESIDE = frozenset({"lsid", "$db", "$clusterTime", "txnNumber", "writeConcern", "readConcern", "$readPreference"})

    def __init__(self) -> None:
        self.commands: list[dict[str, Any]] = []
        self.listening = False

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if self.listening and event.command_name in self.EXPLAINED:
            self.commands.append({name: value for name, value in event.command.items() if name not in self.BESIDE})

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing."""


class Proof:
    """One deployment under examination."""

    def __init__(self, address: str, heard: Heard) -> None:
        self._client: Any = pymongo.MongoClient(address, serverSelectionTimeoutMS=10_000)
        self._store = MongoDocuments.open(address, f"proof{os.getpid()}")
        self._database = self._client[self._store.database_name]
        self._heard = heard

    async def open(self) -> None:
        """Refuse what can prove nothing; then create what is examined."""
        hello = self._client.admin.command("hello")
        if "setName" not in hello:
            raise NotProvableError(
                "this server is no member of a replica set: majority, journal and failover mean nothing"
            )
        info = self._client.server_info()
        _say(f"replica set {hello['setName']}, {len(hello['hosts'])} members, MongoDB {info['version']}")
        await self.declare()

    async def declare(self) -> None:
        """Create the collection that is examined."""
        await self._store.declare(THINGS)

    async def close(self) -> None:
        await self._store.close()
        self._client.drop_database(self._database.name)
        self._client.close()

    async def majority_and_journal(self) -> str:
        """An acknowledged write is committed, and durable on a majority of the voting members."""
        config = self._client.admin.command("replSetGetConfig")["config"]
        if config.get("writeConcernMajorityJournalDefault") is False:
            raise DoesNotHoldError(
                "writeConcernMajorityJournalDefault is false: a majority may hold a write in memory alone"
            )
        voters = {member["host"] for member in config["members"] if member.get("votes", 1)}
        journaled = 0
        for number in range(20):
            await self._store.insert(THINGS, f"durable{number}", {"shop": "durable"})
            written = self._client.admin.command("hello")["lastWrite"]["opTime"]["ts"]
            journaled = await self._journaled_by(written, voters)
        return f"20 writes committed; the last lies in the journals of {journaled} of {len(voters)} voting members"

    async def _journaled_by(self, written: Any, voters: set[str]) -> int:
        """Wait until members have told one another of what they did before the acknowledgement."""
        deadline, durable = time.monotonic() + COMMIT_LIMIT_S, 0
        while time.monotonic() < deadline:
            status = self._client.admin.command("replSetGetStatus")
            committed = status["optimes"]["lastCommittedOpTime"]["ts"] >= written
            durable = sum(
                member["name"] in voters and member.get("optimeDurable", {"ts": written})["ts"] >= written
                for member in status["members"]
                if "optimeDurable" in member
            )
            if committed and durable > len(voters) // 2:
                return durable
            await asyncio.sleep(0.05)
        raise DoesNotHoldError(
            f"an acknowledged write lies in the journals of {durable} of {len(voters)} voting members"
        )

    async def index_use(self) -> str:
        """Every read by key or index and every compare and set walks one index, no further than what it returns."""
        store = self._store
        for first in range(0, DOCUMENTS, 1_000):
            items = [
                (f"k{number:06}", {"shop": f"s{number % 10}", "day": number // 10, "number": number})
                for number in range(first, first + 1_000)
            ]
            await store.insert_many(THINGS, items)
        self._heard.listening = True
        await store.get(THINGS, "k000007")
        await store.get_many(THINGS, ["k000001", "k000002"])
        await store.scan(THINGS, after="k002", limit=PAGE)
        for descending in (False, True):
            page = await store.find(THINGS, "by_shop", {"shop": "s3"}, limit=PAGE, descending=descending)
            await store.find(
                THINGS, "by_shop", {"shop": "s3"}, after=page.next_after, limit=PAGE, descending=descending
            )
            await store.find(
                THINGS, "once", {}, range_=Range(at_least=1_000, below=9_000), limit=PAGE, descending=descending
            )
        await store.find(THINGS, "once", {"number": 17})
        await store.find(THINGS, "by_shop", {"shop": None})
        await store.replace(THINGS, "k000007", {"shop": "s7"}, expected_revision=1)
        await store.delete(THINGS, "k000007", expected_revision=2)
        counted = await store.count(THINGS, "by_shop", {"shop": "s3"})
        self._heard.listening = False
        commands, self._heard.commands = self._heard.commands, []
        for command in commands:
            explained = self._database.command("explain", command, verbosity="executionStats")
            problem = plan_of(explained).problem(counted=counted if "aggregate" in command else 2)
            if problem:
                raise DoesNotHoldError(f"{command}: {problem}")
        return f"{len(commands)} commands of the adapter over {DOCUMENTS:,} documents, each a bounded walk of one index"

    async def order_and_refusals(self) -> str:
        """Values order as the port says, and of several taken values the key, then the first declared, is named."""
        for place, value in enumerate(ORDERED):
            await self._store.insert(THINGS, f"o{place:02}", {"shop": "order", "day": value})
        found = (await self._store.find(THINGS, "by_shop", {"shop": "order"})).documents
        if [document.body["day"] for document in found] != ORDERED:
            raise DoesNotHoldError("values do not come back in the port's order")
        await self._store.insert(THINGS, "first", {"number": "n", "other": "o"})
        for key, expected in (("first", "key"), ("second", "once")):
            try:
                await self._store.insert(THINGS, key, {"number": "n", "other": "o"})
            except KeyTakenError as taken:
                if taken.index != expected:
                    raise DoesNotHoldError(f"{taken.index} is named where {expected} was taken first") from taken
            else:
                raise DoesNotHoldError("a taken value was taken again")
        return f"{len(ORDERED)} values in order; the key and then the first declared index are named"

    async def refusals_are_committed(self) -> str:
        """Whoever loses a key or a revision can read at once what he lost it to: a majority holds it already."""
        lost = 0

        async def contend(name: int) -> None:
            nonlocal lost
            for round_ in range(ROUNDS):
                key = f"contended{round_}"
                try:
                    document = await self._store.insert(THINGS, key, {"shop": "contended", "by": name})
                except KeyTakenError as taken:
                    found = await self._store.get(THINGS, key)
                    if found is None:
                        raise DoesNotHoldError("a key was taken by a document that cannot be read yet") from taken
                    document, lost = found, lost + 1
                try:
                    await self._store.replace(THINGS, key, {"by": name}, expected_revision=document.revision)
                except RevisionMismatchError as mismatch:
                    lost += 1
                    if mismatch.actual == mismatch.expected:
                        raise DoesNotHoldError("a revision was lost to one that cannot be read yet") from mismatch

        await asyncio.gather(*(contend(name) for name in range(WRITERS)))
        return f"{lost} lost keys and revisions, each winner readable at once"

    async def failover(self) -> str:
        """While the primary steps down under load every acknowledged write stays, once, and callers come through."""
        acknowledged: dict[str, int] = {}
        longest_s, stop = 0.0, time.monotonic() + FAILOVER_S

        async def write(writer: int) -> None:
            nonlocal longest_s
            number = 0
            while time.monotonic() < stop:
                key, asked = f"f{writer}-{number}", time.monotonic()
                await _until_taken(partial(self._store.insert, THINGS, key, {"shop": "failover"}))
                await _until_taken(partial(self._replace, key))
                acknowledged[key] = 2
                longest_s = max(longest_s, time.monotonic() - asked)
                number += 1

        writing = asyncio.gather(*(write(writer) for writer in range(WRITERS)))
        await asyncio.sleep(5)
        with suppress(AutoReconnect):  # older servers close the connection
            self._client.admin.command("replSetStepDown", STEP_DOWN_S)
        await writing
        stored: dict[str, int] = {}
        after = None
        while True:
            page = await self._store.find(THINGS, "by_shop", {"shop": "failover"}, after=after, limit=1_000)
            stored |= {document.key: document.revision for document in page.documents}
            after = page.next_after
            if after is None:
                break
        check_kept(acknowledged, stored)
        kept = f"{len(acknowledged):,} acknowledged writes through a step-down, none lost or doubled"
        return f"{kept}; longest wait {longest_s:.1f} s"

    async def _replace(self, key: str) -> None:
        try:
            await self._store.replace(THINGS, key, {"shop": "failover"}, expected_revision=1)
        except RevisionMismatchError as lost:
            if lost.actual != 2:  # our own, whose answer was lost
                raise DoesNotHoldError(f"{key} stands at revision {lost.actual}") from lost


def check_kept(acknowledged: Mapping[str, int], stored: Mapping[str, int]) -> None:
    """Raise DoesNotHoldError unless what is stored is what was acknowledged, by key and revision."""
    if stored != acknowledged:
        lost = [key for key, revision in acknowledged.items() if stored.get(key) != revision]
        more = len(stored.keys() - acknowledged.keys())
        raise DoesNotHoldError(f"{len(lost)} acknowledged writes are lost or doubled, {more} more are stored")


async def _until_taken(write: Callable[[], Awaitable[object]]) -> None:
    """Repeat as every caller does: under the same key and revision."""
    while True:
        try:
            await write()
        except StoreUnavailableError:
            await asyncio.sleep(0.2)
        except KeyTakenError:
            return
        else:
            return


async def prove(address: str, *, failover: bool) -> int:
    """Run the checks; print one line for each."""
    heard = Heard()
    monitoring.register(heard)
    proof = Proof(address, heard)
    try:
        await proof.open()
        checks = [proof.majority_and_journal, proof.index_use, proof.order_and_refusals, proof.refusals_are_committed]
        failed = 0
        for check in [*checks, proof.failover] if failover else checks:
            name = check.__name__.replace("_", " ")
            try:
                _say(f"holds          {name}: {await check()}")
            except DoesNotHoldError as error:
                failed = 1
                _say(f"DOES NOT HOLD  {name}: {error}")
        return failed
    except (NotProvableError, StoreUnavailableError, PyMongoError) as error:
        _say(f"nothing is proven: {error}")
        return 2
    finally:
        await proof.close()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Examine the deployment that the command line or the environment names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--mongodb", default=os.environ.get("ZHIKE_TEST_MONGODB", ""), help="address of the replica set"
    )
    parser.add_argument("--failover", action="store_true", help="let the primary step down under load")
    arguments = parser.parse_args()
    if not arguments.mongodb:
        parser.error("name a replica set by --mongodb or ZHIKE_TEST_MONGODB")
    sys.exit(asyncio.run(prove(arguments.mongodb, failover=arguments.failover)))


if __name__ == "__main__":
    main()

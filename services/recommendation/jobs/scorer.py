"""Scores every consenting customer with the model in force: the worker of the ``score`` operation.

The result is an NDJSON artifact for mailings and systems downstream, one customer a line. What was scored before under
the same name is not scored again, so an operation that is taken up after a crash goes on where it stood.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import orjson

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.clock import Clock
from services.chassis.logs import get_log
from services.chassis.operation_run import OperationRun
from services.recommendation.domain.errors import ConsentStaleError, ModelNotFoundError, ScoringFailedError
from services.recommendation.domain.interactions import Ints
from services.recommendation.domain.model import Ranker
from services.recommendation.jobs.cluster_numbers import ClusterNumbers
from services.recommendation.jobs.score import SHARD_SUFFIX
from services.recommendation.jobs.trainer_process import run_trainer
from services.recommendation.store.models import ModelStore
from services.recommendation.store.numbering import text_order
from services.recommendation.store.people import People
from services.recommendation.store.scores import (
    NO_PLACE,
    ScoringSet,
    ShardStore,
    decode_shard,
    encode_scoring_set,
    scoring_rows,
)
from services.recommendation.store.world import World
from services.recommendation.usecases.predict import ConsentRules

VISITOR_PREFIX: Final = "visitor:"  # of a browser; the shop's own systems do not know it
NOW_ROUNDED_S: Final = 3_600  # a scoring that is taken up within the hour finds its shards again
PEOPLE_AT_ONCE: Final = 2_000  # looked at before requests have their turn
NO_CONSENT, NO_HISTORY = "NO_CONSENT", "NO_HISTORY"

log = get_log("scorer")


@dataclass(frozen=True, slots=True)
class ScorerOptions:
    """How the process that scores runs."""

    workers: int
    ray_address: str = ""

    def command(self, scoring_set: Path, model: Path, out: Path, *, engine: str) -> list[str]:
        """Return the command line of one scoring."""
        line = [sys.executable, "-m", "services.recommendation.jobs.score", "--scoring-set", str(scoring_set)]
        line += ["--model", str(model), "--out", str(out), "--engine", engine, "--workers", str(self.workers)]
        return [*line, "--ray-address", self.ray_address] if self.ray_address else line


@dataclass(frozen=True, slots=True)
class Customer:
    """Whom a list is for: one identifier that leads to the person, and the customer it led to when scoring began."""

    identifier: str
    customer_id: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be scored: names and customers by shard, the digest of the model's arrays."""

    scoring: ScoringSet
    names: tuple[str, ...]
    customers: tuple[Customer, ...]
    product_ids: tuple[str, ...]
    arrays_digest: str


class Scorer:
    """Run again from its beginning it makes the same bytes, as long as customers did nothing in between."""

    def __init__(
        self,
        world: World,
        models: ModelStore,
        shards: ShardStore,
        artifacts: ArtifactStore,
        *,
        consent: ConsentRules,
        clock: Clock,
        options: ScorerOptions,
        numbers: ClusterNumbers,
    ) -> None:
        self._world, self._models, self._shards, self._artifacts = world, models, shards, artifacts
        self._consent, self._clock, self._options, self._numbers = consent, clock, options, numbers

    async def score(self, run: OperationRun) -> None:
        """The worker of the operation. Raises ModelNotFoundError, ConsentStaleError, ScoringFailedError."""
        await self._shards.purge(now=self._clock.now())
        self._require_consents()
        plan = await self._plan(run)
        digests = await self._known(plan.names)
        missing = [name for name in plan.names if name not in digests]
        if missing:
            digests |= await self._score_missing(plan, frozenset(missing), run)
        self._require_consents()
        run.progress.result_file = (await self._artifacts.put(self._lines(plan, digests, run))).digest
        progress = run.progress
        progress.rows = progress.accepted + progress.rejected
        log.info("customers scored", version=plan.scoring.version, customers=progress.accepted, shards=len(plan.names))

    def _require_consents(self) -> None:
        if self._consent.staleness_s() > self._consent.staleness_limit_s:
            raise ConsentStaleError("the copy of consents is too old to say who may be scored", retry_after_s=5)

    async def _plan(self, run: OperationRun) -> _Plan:
        world, standing = self._world, await self._models.standing()
        model = world.model
        if model is None or standing.in_force is None or standing.in_force.version != model.version:
            raise ModelNotFoundError("no model is in force yet", resource="model", id="")
        of_ledger, snapshot = model.places_of_ledger(world.ledger), world.ledger.snapshot()
        sellable = model.columns(world.shelf).sellable.copy()
        order = await asyncio.to_thread(text_order, snapshot.actor_ids)
        persons, customers = await self._consenting(snapshot.actor_ids, order.tolist(), run)
        starts, rows, known = await asyncio.to_thread(scoring_rows, snapshot, persons, of_ledger)
        self._refuse(run, NO_HISTORY, len(customers) - len(known))
        now_s = int(self._clock.now().timestamp()) // NOW_ROUNDED_S * NOW_ROUNDED_S
        columns: dict[str, Any] = {**rows, "starts": starts, "sellable": sellable}
        facts: dict[str, Any] = {"version": model.version, "ranker": model.ranker, "now_s": now_s}
        scoring = ScoringSet(**columns, **facts, count=run.arguments["count"])
        digest = standing.arrays_digest
        names = await asyncio.to_thread(lambda: tuple(scoring.shard_name(each, digest) for each in scoring.shards()))
        return _Plan(scoring, names, tuple(customers[each] for each in known), model.product_ids, digest)

    async def _consenting(
        self, identifiers: tuple[str, ...], order: list[int], run: OperationRun
    ) -> tuple[Ints, list[Customer]]:
        """Return the number of each identifier's person, -1 for who is not to be scored, and the persons by number.

        They are numbered, and later listed, in the ``order`` of their first identifiers.
        """
        people, numbers, customers = self._world.people, dict[str, int](), list[Customer]()
        persons = np.full(len(identifiers), -1, dtype=np.int32)
        for looked_at, place in enumerate(order):
            if looked_at % PEOPLE_AT_ONCE == 0:
                await asyncio.sleep(0)
            identifier = identifiers[place]
            customer_id, members = people.shown(identifier)
            name = customer_id or identifier
            if name not in numbers:
                numbers[name] = -1
                if not shop_identifiers(members):
                    continue
                if not people.resolve(members, default_consent=self._consent.default_consent).consented:
                    self._refuse(run, NO_CONSENT, 1)
                    continue
                numbers[name] = len(customers)
                customers.append(Customer(identifier, customer_id))
            persons[place] = numbers[name]
        return persons, customers

    async def _known(self, names: tuple[str, ...]) -> dict[str, str]:
        """Return the digests of the shards that are there, artifacts and all."""
        found = await self._shards.digests(names)
        for name, digest in list(found.items()):
            if not await self._artifacts.exists(digest):
                await self._shards.remove(name)
                del found[name]
        return found

    async def _score_missing(self, plan: _Plan, missing: frozenset[str], run: OperationRun) -> dict[str, str]:
        digests: dict[str, str] = {}
        wanted = [name if name in missing else "" for name in plan.names]
        content = await asyncio.to_thread(encode_scoring_set, plan.scoring, wanted)
        with TemporaryDirectory(prefix="zhike-score-") as text:
            folder = Path(text)
            scoring_set = folder / "set.npz"
            await asyncio.to_thread(scoring_set.write_bytes, content)

            async def keep(spoken: Mapping[str, Any]) -> None:
                name = spoken.get("shard")
                if name is None:
                    return
                path = folder / f"{name}{SHARD_SUFFIX}"
                digests[name] = (await self._artifacts.put_file(path)).digest
                await self._shards.add(name, digests[name], now=self._clock.now())
                with suppress(OSError):
                    path.unlink()

            model = await self._artifacts.open_path(plan.arrays_digest)
            command = self._options.command(scoring_set, model, folder, engine=run.arguments["engine"])
            await run_trainer(command, run, self._numbers, heard=keep, failed=ScoringFailedError)
        return digests

    async def _lines(self, plan: _Plan, digests: Mapping[str, str], run: OperationRun) -> AsyncIterator[bytes]:
        """Yield the lines of each shard. Who withdrew, or became somebody else, since scoring began has none."""
        source = "als" if plan.scoring.ranker is Ranker.ALS else "item-to-item"
        for name, persons in zip(plan.names, plan.scoring.shards(), strict=True):
            shard = decode_shard(await self._artifacts.read(digests[name]))
            written = bytearray()
            for row, person in enumerate(persons):
                customer = plan.customers[person]
                identifiers = self._still(customer)
                if identifiers is None:
                    self._refuse(run, NO_CONSENT, 1)
                    continue
                products = [
                    {"id": plan.product_ids[place], "score": round(float(score), 6)}
                    for place, score in zip(shard.places[row].tolist(), shard.scores[row].tolist(), strict=True)
                    if place != NO_PLACE
                ]
                if not products:
                    self._refuse(run, NO_HISTORY, 1)
                    continue
                line = {"customer_id": customer.customer_id, "identifiers": identifiers, "products": products}
                line |= {"model_version": plan.scoring.version, "source": source}
                written += orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
                run.progress.accept("customer")
            yield bytes(written)

    def _still(self, customer: Customer) -> list[str] | None:
        """Return the shop's identifiers of a customer who may still be scored, None of anybody else."""
        people: People = self._world.people
        customer_id, members = people.shown(customer.identifier)
        person = people.resolve(members, default_consent=self._consent.default_consent)
        found = shop_identifiers(members)
        return found if found and person.consented and customer_id == customer.customer_id else None

    def _refuse(self, run: OperationRun, reason: str, count: int) -> None:
        if count:
            progress = run.progress
            progress.rejected += count
            progress.rejected_by_reason[reason] = progress.rejected_by_reason.get(reason, 0) + count


def shop_identifiers(identifiers: tuple[str, ...]) -> list[str]:
    """Return those that the shop's own systems know: cards, logins, telephones, addresses; not a browser's."""
    return [each for each in identifiers if not each.startswith(VISITOR_PREFIX)]

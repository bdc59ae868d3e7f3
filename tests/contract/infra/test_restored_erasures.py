"""Who was erased after a backup stays erased when it is restored, on either profile, also at a second try."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

import infra.local.restoring as restoring
from infra.local.carrying import carried_from
from infra.local.plan import Plan
from infra.local.restoring import Restore, Restored, restore
from infra.local.supervisor import Supervisor
from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.backup.archive import Manifest, RestoreTargetError, read_manifest
from services.chassis.backup.marks import AWAITED, MARKER, RestoreUnfinishedError, refuse_half_restored
from services.chassis.backup.taking import Wanted, take_through_ports
from services.chassis.clock import SystemClock
from services.chassis.documents.mongo import MongoDocuments
from services.chassis.documents.port import Collection, DocumentStore
from services.chassis.documents.sqlite import SqliteDocuments
from services.chassis.erasure.subjects import EVERY_LOG, Subject, Subjects
from services.chassis.erasure.suppression import Suppression
from services.chassis.metrics import Metrics
from services.chassis.settings import ChassisSettings
from services.knowledge.domain.erasure import BY_SHOPPER, ErasureState
from services.knowledge.domain.identifiers import own_customer_id
from services.knowledge.store.erasures import Erasure, ErasureStore
from tests.unit.services.chassis.erasure.erasing_world import World

CLOCK = SystemClock()
CARD, PHONE, BARE = "card:1", "phone:+8613912345678", "+8613912345678"
KEPT, EARLY = "card:2", "card:77"
SERVICES = ("gateway", "knowledge", "orders")
NOTES = Collection("notes")
BROKEN = "the disk is full"

Opens = Callable[[str], DocumentStore]


class Deployment:
    """The stores of a few services, whose processes come and go."""

    def __init__(self, data: Path, address: str = "") -> None:
        self.data, self.address = data, address
        self._opened, self._stores = AsyncExitStack(), dict[str, DocumentStore]()

    @property
    def settings(self) -> dict[str, ChassisSettings]:
        return {each: ChassisSettings(data=self.data, documents=self.address or "sqlite") for each in SERVICES}

    def store(self, service: str) -> DocumentStore:
        if service in self._stores:
            return self._stores[service]
        if self.address:
            store: DocumentStore = MongoDocuments.open(self.address, service)
        else:
            store = SqliteDocuments.open(self.data / service / "documents.sqlite")
        self._opened.push_async_callback(store.close)
        self._stores[service] = store
        return store

    async def suppression(self, store: DocumentStore) -> Suppression:
        suppression = Suppression(store, CLOCK, Metrics())
        await suppression.open()
        return suppression

    async def down(self) -> None:
        await self._opened.aclose()
        self._opened, self._stores = AsyncExitStack(), {}

    async def fill(self) -> None:
        """People in events and in other documents, one of them erased before every backup."""
        for service in SERVICES:
            store = self.store(service)
            await self.suppression(store)
            await store.declare(NOTES)
            if service == "gateway":
                continue
            world = World(store)
            await world.open()
            await world.fill()
            await world.log.close()
            await store.insert(NOTES, "told", {"list": [{"who": BARE}], "free": f"she ({PHONE}) said"})
        await self.down()
        await self.erased("early", EARLY)

    async def erased(self, erasure_id: str, *names: str, state: ErasureState = ErasureState.DONE) -> None:
        """Erase as knowledge and the others do: the names are refused, the receipt that is done names nobody."""
        ids = tuple(map(own_customer_id, names))
        for service in SERVICES[1:]:
            suppression = await self.suppression(self.store(service))
            await suppression.add(Subjects([Subject(erasure_id, names, ids)], suppression.digest))
        erasures = ErasureStore(self.store("knowledge"))
        await erasures.declare()
        now_us = int(CLOCK.now().timestamp() * 1_000_000)
        done = state is ErasureState.DONE
        await erasures.insert(
            Erasure(
                erasure_id,
                state,
                BY_SHOPPER,
                now_us,
                identifiers=() if done else names,
                done_us=now_us if done else None,
                proof="p" if done else "",
            )
        )
        await self.down()

    async def back_up(self, target: Path) -> Manifest:
        artifacts = LocalArtifacts(target.with_name("blobs"))
        await artifacts.open()
        stores = {each: (self.store(each), artifacts) for each in SERVICES}
        manifest = await take_through_ports(Wanted(target, "any", timedelta(days=30)), self.data, stores, CLOCK, show)
        await self.down()
        return manifest

    async def restore(self, backup: Path, *, force: bool = True) -> Restored:
        wanted = Restore(backup, read_manifest(backup), self.data, self.settings, force=force)
        return await restore(wanted, clock=CLOCK, rng=Random(4), show=show)

    async def receipts(self) -> dict[str, Erasure]:
        erasures = ErasureStore(self.store("knowledge"))
        await erasures.declare()
        found = {each.id: each for each in await erasures.everything()}
        await self.down()
        return found

    async def refuses(self, *names: str) -> dict[str, list[bool]]:
        found = {}
        for service in SERVICES[1:]:
            suppression = await self.suppression(self.store(service))
            found[service] = [suppression.is_erased(each) for each in names]
        await self.down()
        return found

    async def awaited(self) -> set[str]:
        store = self.store("gateway")
        await store.declare(AWAITED)
        found = {each.key for each in (await store.scan(AWAITED)).documents}
        await self.down()
        return found

    async def starts(self) -> None:
        """Start as every process does."""
        for service, settings in self.settings.items():
            await refuse_half_restored(settings, service, self.store(service))
        await self.down()


def show(what: str, done: int, total: int) -> None:
    assert done <= total, what


@pytest.fixture(params=["sqlite", pytest.param("mongodb", marks=pytest.mark.real)])
async def deployment(request: pytest.FixtureRequest, tmp_path: Path) -> Deployment:
    address = request.getfixturevalue("mongodb_deployment") if request.param == "mongodb" else ""
    made = Deployment(tmp_path / "data", address)
    await made.fill()
    return made


async def test_who_was_erased_since_is_refused_and_begun_again_by_the_names_in_the_backup(
    deployment: Deployment, tmp_path: Path
) -> None:
    await deployment.back_up(tmp_path / "b")
    await deployment.erased("since", CARD, PHONE)
    await deployment.erased("nobody there", "card:999")
    await deployment.erased("goes on", KEPT, state=ErasureState.COPIES)
    assert await deployment.restore(tmp_path / "b") == Restored(erased_known=True, erased_again=2)
    names = (CARD, PHONE, BARE, own_customer_id(CARD), KEPT, EARLY, "card:999", "card:3")
    assert set(map(tuple, (await deployment.refuses(*names)).values())) == {(*[True] * 7, False)}
    receipts = await deployment.receipts()
    since, goes_on = receipts["since"], receipts["goes on"]
    assert (since.state, since.identifiers, since.done_us, since.proof) == (ErasureState.LOGS, (CARD, PHONE), None, "")
    assert set(since.customer_ids) >= {own_customer_id(CARD), own_customer_id(PHONE)}
    assert (goes_on.state, goes_on.identifiers, goes_on.round_id) == (ErasureState.LOGS, (KEPT,), since.round_id)
    assert [receipts[each].state for each in ("early", "nobody there")] == [ErasureState.DONE] * 2
    assert await deployment.awaited() == {"since", "goes on"}
    await deployment.starts()
    assert not (deployment.data / MARKER).exists()


async def test_where_nobody_was_erased_since_nothing_is_awaited(deployment: Deployment, tmp_path: Path) -> None:
    await deployment.back_up(tmp_path / "b")
    assert await deployment.restore(tmp_path / "b") == Restored(erased_known=True, erased_again=0)
    assert await deployment.awaited() == set()
    assert {each.state for each in (await deployment.receipts()).values()} == {ErasureState.DONE}


async def test_an_empty_target_says_that_it_does_not_know_who_was_erased_since(
    deployment: Deployment, tmp_path: Path
) -> None:
    await deployment.back_up(tmp_path / "b")
    new = Deployment(tmp_path / "new")
    assert await new.restore(tmp_path / "b", force=False) == Restored(erased_known=False, erased_again=0)
    assert (await new.refuses(EARLY))["knowledge"] == [True]


async def test_one_that_stood_in_the_backup_half_done_is_begun_again_as_a_whole(
    deployment: Deployment, tmp_path: Path
) -> None:
    await deployment.erased("half", CARD, state=ErasureState.COPIES)
    await deployment.back_up(tmp_path / "b")
    new = Deployment(tmp_path / "new")
    assert (await new.restore(tmp_path / "b", force=False)).erased_again == 1
    half = (await new.receipts())["half"]
    assert (half.state, half.identifiers, half.services) == (ErasureState.LOGS, (CARD,), {})
    assert half.touched_logs == (EVERY_LOG,), "its logs were rewritten before the backup, the copies were not"


async def test_a_restore_that_breaks_off_is_refused_by_all_and_knows_the_erased_when_it_is_begun_again(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await deployment.back_up(tmp_path / "b")
    await deployment.erased("since", CARD, PHONE)
    place = restoring._put_in_place

    def break_off(data: Path, staging: Path) -> None:
        for service in SERVICES:
            for path in sorted((data / service).glob("documents*")):
                path.unlink()
        raise OSError(BROKEN)

    monkeypatch.setattr(restoring, "_put_in_place", break_off)
    with pytest.raises(OSError, match=BROKEN):
        await deployment.restore(tmp_path / "b")
    monkeypatch.setattr(restoring, "_put_in_place", place)
    assert carried_from((deployment.data / MARKER).read_bytes()).known
    assert (deployment.data / MARKER).stat().st_mode & 0o077 == 0
    with pytest.raises(RestoreUnfinishedError, match="zhike restore"):
        await deployment.starts()
    await deployment.down()
    supervisor = Supervisor(Plan(deployment.data, "127.0.0.1", 0, False, ()), None)  # type: ignore[arg-type]
    with pytest.raises(RestoreUnfinishedError):
        await supervisor.start()
    await supervisor.stop()
    with pytest.raises(RestoreTargetError):
        await deployment.restore(tmp_path / "b", force=False)
    assert (await deployment.restore(tmp_path / "b")) == Restored(erased_known=True, erased_again=1)
    assert (await deployment.receipts())["since"].identifiers == (CARD, PHONE)
    await deployment.starts()


@pytest.mark.real
async def test_servers_that_are_half_restored_are_refused_from_another_machine(
    mongodb_deployment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployment = Deployment(tmp_path / "data", mongodb_deployment)
    await deployment.fill()
    await deployment.back_up(tmp_path / "b")

    async def break_off(*_: Any, **__: Any) -> None:
        raise OSError(BROKEN)

    monkeypatch.setattr(restoring, "restore_documents", break_off)
    with pytest.raises(OSError, match=BROKEN):
        await deployment.restore(tmp_path / "b")
    elsewhere = Deployment(tmp_path / "elsewhere", mongodb_deployment)
    with pytest.raises(RestoreUnfinishedError):
        await elsewhere.starts()
    await elsewhere.down()
    monkeypatch.undo()
    assert not (await elsewhere.restore(tmp_path / "b")).erased_known, "the marker lies on the other machine"
    await elsewhere.starts()


async def test_a_file_that_cannot_be_read_is_replaced_and_said_not_to_be_known(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "data")
    await deployment.fill()
    await deployment.back_up(tmp_path / "b")
    for path in (deployment.data / "knowledge").glob("documents.sqlite*"):
        path.unlink()
    (deployment.data / "knowledge" / "documents.sqlite").write_bytes(b"no database" * 1_000)
    assert await deployment.restore(tmp_path / "b") == Restored(erased_known=False, erased_again=0)


async def test_another_deployments_key_finds_its_persons_all_the_same(tmp_path: Path) -> None:
    first, second = Deployment(tmp_path / "first"), Deployment(tmp_path / "second")
    await first.fill()
    await first.back_up(tmp_path / "b")
    await second.fill()
    await second.erased("since", CARD)
    await second.restore(tmp_path / "b")
    receipt = (await second.receipts())["since"]
    assert (receipt.state, receipt.identifiers) == (ErasureState.LOGS, (CARD,))


@pytest.mark.real
async def test_local_blobs_beside_servers_are_restored(mongodb_deployment: str, tmp_path: Path) -> None:
    deployment = Deployment(tmp_path / "data", mongodb_deployment)
    await deployment.fill()
    artifacts = LocalArtifacts(tmp_path / "blobs")
    await artifacts.open()
    blob = await artifacts.put(b"model")
    await deployment.back_up(tmp_path / "b")
    await deployment.restore(tmp_path / "b")
    assert await LocalArtifacts(deployment.data / "knowledge" / "artifacts").read(blob.digest) == b"model"

"""Which receipts a restored backup goes through again, with which names, in which rounds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.erasure.subjects import EVERY_LOG
from services.knowledge.domain.erasure import BY_DESK, ErasureState, ServiceDone
from services.knowledge.domain.identifiers import own_customer_id
from services.knowledge.store.erasures import ROUND_LIMIT, Erasure, ErasureStore
from services.knowledge.usecases.erasing import ROUND_IDENTIFIERS_LIMIT
from services.knowledge.usecases.repeating import Receipts, begin_again

BEGUN_US = 1_000


def receipt(erasure_id: str, state: ErasureState = ErasureState.DONE, **more: object) -> Erasure:
    done_us = BEGUN_US - 1 if state is ErasureState.DONE else None
    fields = {"request_us": 5, "done_us": done_us, "proof": "p", "services": {"search": ServiceDone()}}
    return Erasure(erasure_id, state, BY_DESK, **{**fields, **more})  # type: ignore[arg-type]


def receipts(in_backup: Sequence[Erasure], replaced: Sequence[Erasure]) -> Receipts:
    return Receipts({each.id: each for each in in_backup}, {each.id: each for each in replaced}, BEGUN_US)


async def store_of(in_backup: Sequence[Erasure]) -> ErasureStore:
    store = ErasureStore(MemoryDocuments())
    await store.declare()
    for each in in_backup:
        await store.insert(each)
    return store


def test_what_was_done_before_the_backup_was_begun_is_not_repeated() -> None:
    early, during = receipt("early"), receipt("during", done_us=BEGUN_US)
    since, open_then = receipt("since"), receipt("open then", ErasureState.LOGS)
    found = receipts([early, during, open_then], [early, since, receipt("open then")]).to_repeat()
    assert {each.id for each in found} == {"during", "since", "open then"}


async def test_an_intent_has_the_names_that_were_found_and_nothing_of_it_is_done() -> None:
    store = await store_of([])
    known = receipts([], [receipt("since"), receipt("absent"), receipt("asked", ErasureState.REQUESTED)])
    names = {"since": {"phone:+8613912345678", "+8613912345678", "author:hash", "c-" + "a" * 20}}
    begun = await begin_again(known, names, store, lambda: "round")
    assert begun == ["since", "asked"]
    since, absent, asked = [await store.get(each) for each in ("since", "absent", "asked")]
    assert since and absent and asked
    assert since.identifiers == ("author:hash", "phone:+8613912345678")
    assert {own_customer_id("phone:+8613912345678"), "c-" + "a" * 20} <= set(since.customer_ids)
    assert "+8613912345678" not in since.customer_ids
    assert (since.state, since.round_id, since.services, since.proof) == (ErasureState.LOGS, "round", {}, "")
    assert since.touched_logs == (EVERY_LOG,), "its copies are made anew though no log of the backup names them"
    assert (absent.state, absent.proof, asked.state) == (ErasureState.DONE, "p", ErasureState.REQUESTED)


async def test_many_go_in_rounds_that_a_call_can_carry() -> None:
    many = [receipt(f"{number:04}", request_us=number) for number in range(ROUND_LIMIT + 1)]
    names = {each.id: {f"card:{each.id}"} for each in many}
    assert await rounds_of(many, names) == [ROUND_LIMIT, 1]
    large = {f"card:{number}" for number in range(ROUND_IDENTIFIERS_LIMIT)}
    assert await rounds_of(many[:3], {**names, many[1].id: large}) == [1, 1, 1]


async def rounds_of(begun: Sequence[Erasure], names: Mapping[str, set[str]]) -> list[int]:
    store, ids = await store_of([]), count()
    await begin_again(receipts([], begun), names, store, lambda: f"r{next(ids)}")
    rounds = [each.round_id for each in await store.every_of_state(ErasureState.LOGS)]
    assert rounds == sorted(rounds), "the oldest go first"
    return list(Counter(rounds).values())


async def test_the_receipts_of_the_replaced_data_stand_in_the_place_of_the_backups() -> None:
    before = receipt("open then", ErasureState.LOGS, identifiers=("card:1",))
    store = await store_of([before])
    await begin_again(receipts([before], [receipt("open then")]), {}, store, lambda: "round")
    stored = await store.get("open then")
    assert stored and (stored.state, stored.identifiers) == (ErasureState.DONE, ())

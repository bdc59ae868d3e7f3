"""Events that leave with a document, and changes over several documents: docs/consistency.md rule 1."""

import asyncio
from dataclasses import replace

import pytest

from services.chassis.clock import SystemClock
from services.chassis.documents.port import (
    Collection,
    Index,
    RevisionMismatchError,
    StoreUnavailableError,
    UnknownIndexError,
)
from services.chassis.errors import ErrorKind, InvalidArgumentError, ZhikeError
from services.chassis.eventlog.intents import INTENTS, IntentReusedError, Intents, IntentUnknownError
from services.chassis.eventlog.metrics import EVENTLOG_METRICS
from services.chassis.eventlog.outbox import (
    ENTRIES_LIMIT,
    OUTBOX_INDEX,
    PENDING,
    OutboxEvent,
    OutboxFullError,
    OutboxRelay,
    outbox_of,
    waiting_in,
    with_outbox,
    without_outbox,
)
from services.chassis.eventlog.port import APPEND_LIMIT
from services.chassis.logs import CallContext, bind_call
from services.chassis.metrics import Metrics
from tests.fakes.crashing_documents import CrashingDocuments, CrashPoint
from tests.fakes.events import OCCURRED_TIME, stored_events
from tests.fakes.spans import collected_spans

CARDS = Collection("cards", (OUTBOX_INDEX,))


def published(what: str, subject: str = "card:1") -> OutboxEvent:
    return OutboxEvent("card-changed", OCCURRED_TIME, "shanghai", "store", subject, {"what": what})


@pytest.fixture
async def cards(documents):
    await documents.declare(CARDS)
    return documents


def make_relay(documents, log, metrics=None):
    return OutboxRelay(documents, CARDS, log, metrics=metrics or Metrics([EVENTLOG_METRICS]))


async def save(documents, key, version, *what):
    """Save a version of a card that publishes what changed, in one write."""
    stored = await documents.get(CARDS, key)
    body = {**(stored.body if stored else {}), "version": version}
    body = with_outbox(body, version, [published(each, key) for each in what])
    if stored is None:
        await documents.insert(CARDS, key, body)
    else:
        await documents.replace(CARDS, key, body, expected_revision=stored.revision)


async def whats(log):
    return [event.payload["what"] for event in await stored_events(log)]


async def test_what_a_document_publishes_reaches_the_log_in_order_and_leaves_the_document(cards, log):
    await save(cards, "card:1", 1, "a", "b")
    await save(cards, "card:1", 2, "c")
    relay = make_relay(cards, log)
    assert await relay.relay("card:1") == 3
    assert await whats(log) == ["a", "b", "c"]
    document = await cards.get(CARDS, "card:1")
    assert document.body == {"version": 2}
    assert without_outbox(with_outbox(document.body, 3, [published("d")])) == {"version": 2}
    assert await relay.relay("card:1") == 0
    assert await relay.relay("nobody") == 0


async def test_a_pass_relays_every_document_that_waits(cards, log):
    for number in range(250):
        await save(cards, f"card:{number}", 1, f"w{number}")
    await make_relay(cards, log).relay_all()
    assert sorted(await whats(log)) == sorted(f"w{number}" for number in range(250))
    assert await cards.count(CARDS, OUTBOX_INDEX.name, {PENDING: 1}) == 0


async def test_documents_that_wait_together_share_their_appends(cards, log):
    for number in range(20):
        await save(cards, f"card:{number}", 1, *(f"{number}.{place}" for place in range(60)))
    sizes = []

    class Counting:
        async def append(self, events):
            sizes.append(len(events))
            return await log.append(events)

    await make_relay(cards, Counting()).relay_all()
    assert sizes == [APPEND_LIMIT, APPEND_LIMIT, 1_200 - 2 * APPEND_LIMIT]
    for number in range(20):
        own = [what for what in await whats(log) if what.startswith(f"{number}.")]
        assert own == [f"{number}.{place}" for place in range(60)]
    assert await cards.count(CARDS, OUTBOX_INDEX.name, {PENDING: 1}) == 0


async def test_a_document_that_the_log_refuses_holds_up_no_other(cards, log):
    for key in ("card:1", "card:2", "card:3"):
        await save(cards, key, 1, key)
    refused = await cards.get(CARDS, "card:2")
    (entry,) = refused.body["outbox"]
    without_subject = {**refused.body, "outbox": [{**entry, "subject": ""}]}
    await cards.replace(CARDS, "card:2", without_subject, expected_revision=refused.revision)
    with pytest.raises(InvalidArgumentError):
        await make_relay(cards, log).relay_all()
    assert sorted(await whats(log)) == ["card:1", "card:3"]
    left = await cards.find(CARDS, OUTBOX_INDEX.name, {PENDING: 1})
    assert [document.key for document in left.documents] == ["card:2"]


async def test_a_running_relay_hears_of_what_waits_and_finds_what_it_did_not_hear_of(cards, log):
    relay = make_relay(cards, log)
    job = asyncio.create_task(relay.run())
    for what, told in (("a", True), ("b", False)):
        await save(cards, f"card:{what}", 1, what)
        if told:
            relay.announce()
        async with asyncio.timeout(10):
            while await relay.is_waiting():  # noqa: ASYNC110 - the store has nobody to tell
                await asyncio.sleep(0.001)
    job.cancel()
    assert sorted(await whats(log)) == ["a", "b"]


def test_a_store_carries_what_waits_from_the_body_that_it_read_to_the_one_that_it_saves():
    read = with_outbox({"version": 1}, 1, [published("a")])
    saved = with_outbox({"version": 2, **outbox_of(read)}, 2, [published("b")])
    assert (waiting_in(read), waiting_in(saved), waiting_in(without_outbox(saved))) == (1, 2, 0)
    assert [entry["id"] for entry in saved["outbox"]] == ["1/0", "2/0"]
    assert outbox_of(without_outbox(saved)) == {}


@pytest.mark.parametrize("point", list(CrashPoint))
async def test_a_crash_at_any_write_of_a_relay_loses_and_doubles_nothing(cards, make_log, point):
    for number in range(1, 4):  # the append and the trim, and one past them
        key = f"card:{number}"
        await save(cards, key, 1, "a", "b")
        crashing = CrashingDocuments(cards)
        log = await make_log(crashing, name=f"log-{number}")
        crashing.crash_at, crashing.point = crashing.writes + number, point
        relaying = make_relay(crashing, log).relay(key)
        if number < 3:
            with pytest.raises(StoreUnavailableError):
                await relaying
        else:
            await relaying
        restarted = await make_log(name=f"log-{number}")
        await make_relay(cards, restarted).relay_all()
        assert await whats(restarted) == ["a", "b"]
        assert (await cards.get(CARDS, key)).body == {"version": 1}


async def test_an_edit_between_append_and_trim_loses_neither_its_change_nor_its_events(cards, make_log, log):
    await save(cards, "card:1", 1, "a")

    class Edited:
        """A log beside which somebody edits the document while the append is under way."""

        async def append(self, events):
            verdicts = await log.append(events)
            await save(cards, "card:1", 2, "b")
            return verdicts

    await make_relay(cards, Edited()).relay("card:1")
    document = await cards.get(CARDS, "card:1")
    assert document.body["version"] == 2
    assert [entry["payload"]["what"] for entry in document.body["outbox"]] == ["b"]
    await make_relay(cards, log).relay_all()
    assert await whats(log) == ["a", "b"]


async def test_many_relays_at_once_append_each_event_once(cards, make_log):
    for number in range(20):
        await save(cards, f"card:{number}", 1, f"a{number}", f"b{number}")
    replicas = [await make_log(seed=seed) for seed in range(4)]
    await asyncio.gather(*(make_relay(cards, replica).relay_all() for replica in replicas))
    found = await whats(replicas[0])
    assert len(found) == 40
    assert sorted(found) == sorted([*(f"a{n}" for n in range(20)), *(f"b{n}" for n in range(20))])


async def test_an_id_that_belongs_to_another_event_is_counted_and_stops_nobody_else(cards, log):
    metrics = Metrics([EVENTLOG_METRICS])
    relay = make_relay(cards, log, metrics)
    await save(cards, "card:1", 1, "a")
    await relay.relay("card:1")
    document = await cards.get(CARDS, "card:1")  # a defect: a version that was given before
    again = with_outbox(document.body, 1, [published("not a"), published("b")])
    await cards.replace(CARDS, "card:1", again, expected_revision=document.revision)
    await relay.relay_all()
    assert await whats(log) == ["a", "b"]
    sample = metrics.registry.get_sample_value("zhike_outbox_conflicts_total", {"collection": "cards"})
    assert sample == 1


def test_an_outbox_has_a_bound():
    body = with_outbox({}, 1, [published(str(number)) for number in range(ENTRIES_LIMIT)])
    with pytest.raises(OutboxFullError):
        with_outbox(body, 2, [published("one more")])
    assert with_outbox({"a": 1}, 1, []) == {"a": 1}


async def test_a_collection_without_the_outbox_index_is_refused_at_once(documents, log):
    with pytest.raises(UnknownIndexError):
        OutboxRelay(documents, Collection("bare"), log, metrics=Metrics([EVENTLOG_METRICS]))


ACCOUNTS = Collection("accounts", (Index("owner", ("owner",)),))


class Transfer:
    """Moves all members of one account to another: one document at a time, each by compare and set."""

    def __init__(self, documents):
        self.documents = documents
        self.runs = 0

    async def __call__(self, intent_id, arguments):
        self.runs += 1
        for key in ("from", "to"):
            while True:
                document = await self.documents.get(ACCOUNTS, arguments[key])
                if intent_id in document.body["done"]:
                    break
                change = -arguments["members"] if key == "from" else arguments["members"]
                body = {"members": document.body["members"] + change, "done": [*document.body["done"], intent_id]}
                try:
                    await self.documents.replace(ACCOUNTS, document.key, body, expected_revision=document.revision)
                except RevisionMismatchError:
                    continue
                break


async def members(documents):
    found = await documents.get_many(ACCOUNTS, ["a", "b"])
    return {key: document.body["members"] for key, document in found.items()}


@pytest.fixture
async def accounts(documents):
    await documents.declare(ACCOUNTS, INTENTS)
    for key in ("a", "b"):
        await documents.insert(ACCOUNTS, key, {"members": 10, "done": []})
    return documents


ARGUMENTS = {"from": "a", "to": "b", "members": 3}


@pytest.mark.parametrize("point", [CrashPoint.BEFORE, CrashPoint.AFTER])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
async def test_a_crash_at_any_write_of_an_intent_is_resumed(accounts, number, point):
    crashing = CrashingDocuments(accounts, crash_at=number, point=point)
    with pytest.raises(StoreUnavailableError):
        await Intents(crashing, SystemClock(), {"transfer": Transfer(crashing)}).carry_out("i1", "transfer", ARGUMENTS)
    restarted = Intents(accounts, SystemClock(), {"transfer": Transfer(accounts)})
    await restarted.resume()
    begun = number > 1 or point is CrashPoint.AFTER
    assert await members(accounts) == ({"a": 7, "b": 13} if begun else {"a": 10, "b": 10})
    await restarted.carry_out("i1", "transfer", ARGUMENTS)  # the caller never had an answer and asks again
    await restarted.resume()
    assert await members(accounts) == {"a": 7, "b": 13}


async def test_an_intent_asked_twice_at_once_is_done_once(accounts):
    intents = [Intents(accounts, SystemClock(), {"transfer": Transfer(accounts)}) for _ in range(4)]
    await asyncio.gather(*(each.carry_out("i1", "transfer", ARGUMENTS) for each in intents))
    assert await members(accounts) == {"a": 7, "b": 13}


async def test_an_intent_that_is_done_is_not_run_again(accounts):
    transfer = Transfer(accounts)
    intents = Intents(accounts, SystemClock(), {"transfer": transfer})
    for _ in range(3):
        await intents.carry_out("i1", "transfer", ARGUMENTS)
    await intents.resume()
    assert transfer.runs == 1


async def test_an_intents_id_names_one_change(accounts):
    intents = Intents(accounts, SystemClock(), {"transfer": Transfer(accounts)})
    await intents.carry_out("i1", "transfer", ARGUMENTS)
    with pytest.raises(IntentReusedError):
        await intents.carry_out("i1", "transfer", {**ARGUMENTS, "members": 4})
    with pytest.raises(IntentUnknownError):
        await intents.carry_out("i2", "unheard of", ARGUMENTS)
    assert await accounts.get(INTENTS, "i2") is None


async def test_an_intent_that_cannot_be_carried_out_does_not_stop_the_others(accounts):
    class Refused(ZhikeError):
        kind = ErrorKind.PRECONDITION
        reason = "REFUSED"

    async def refuse(intent_id, arguments):
        raise Refused("never")

    intents = Intents(accounts, SystemClock(), {"refused": refuse, "transfer": Transfer(accounts)})
    with pytest.raises(Refused):
        await intents.carry_out("i0", "refused", {})
    document = await accounts.get(INTENTS, "i0")
    assert document.body["state"] == "open"
    crashing = CrashingDocuments(accounts, crash_at=2)
    with pytest.raises(StoreUnavailableError):
        await Intents(crashing, SystemClock(), {"transfer": Transfer(crashing)}).carry_out("i1", "transfer", ARGUMENTS)
    await intents.resume()
    assert await members(accounts) == {"a": 7, "b": 13}


def test_the_events_of_an_outbox_keep_every_field():
    event = replace(published("a"), schema_version=4, trace="00-1", synthetic=True)
    (entry,) = with_outbox({}, 7, [event])["outbox"]
    assert (entry["id"], entry["schema_version"], entry["trace"], entry["synthetic"]) == ("7/0", 4, "00-1", True)


def test_an_event_of_an_outbox_carries_the_trace_of_the_call_that_made_it():
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    bind_call(CallContext("r-1", traceparent))
    with collected_spans():
        (entry, own) = with_outbox({}, 7, [published("a"), replace(published("b"), trace="00-1")])["outbox"]
    assert (entry["trace"], own["trace"]) == (traceparent, "00-1")
    (unseen,) = with_outbox({}, 7, [published("a")])["outbox"]
    assert unseen["trace"] == ""

"""Any sequence of appends, crashes, restarts, races and replays keeps rules 2, 3, 4 and 8: a model against the log.

Two replicas write one store; either may die at any of its writes, before, half-way through or after it. Whatever was
answered is checked against a model at once, and the whole log and a projection after every step.
"""

import asyncio
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import StoreUnavailableError
from services.chassis.eventlog.documents_log import DocumentsLog
from services.chassis.eventlog.port import Event, VerdictStatus
from services.chassis.eventlog.projection import live_body
from tests.fakes.clock import ManualClock
from tests.fakes.crashing_documents import CrashingDocuments, CrashPoint
from tests.fakes.events import new_event
from tests.fakes.projections import SUBJECTS, all_documents, expected_tally, tally_projection

REPLICAS = 2
PARTITIONS = 2
NUMBERS = st.lists(st.integers(0, 15), min_size=1, max_size=6)
BODIES = st.sampled_from(["one", "other"])


class LogMachine(RuleBasedStateMachine):
    """The model: what was stored first under each number, and at which place."""

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.store = MemoryDocuments()
        self.known: dict[int, tuple[str, int, int]] = {}  # number -> (body, partition, seq)
        self.read_to = [0] * PARTITIONS
        self.runner.run(self.store.declare(SUBJECTS))
        self.stores = [CrashingDocuments(self.store) for _ in range(REPLICAS + 1)]
        self.observer = self.runner.run(self.opened(REPLICAS))
        self.logs = [self.runner.run(self.opened(replica)) for replica in range(REPLICAS)]

    async def opened(self, replica: int) -> DocumentsLog:
        log = DocumentsLog(self.stores[replica], "log", PARTITIONS, ManualClock(), Random(replica))
        await log.open()
        return log

    @rule(replica=st.integers(0, REPLICAS - 1), numbers=NUMBERS, body=BODIES)
    def append(self, replica: int, numbers: list[int], body: str) -> None:
        batch = [new_event(number, payload={"quantity": number, "body": body}) for number in numbers]
        self.judge(numbers, body, self.runner.run(self.logs[replica].append(batch)))

    @rule(first=NUMBERS, second=NUMBERS)
    def append_at_once(self, first: list[int], second: list[int]) -> None:
        async def both() -> list:
            sent = [
                [new_event(number, payload={"quantity": number, "body": "one"}) for number in numbers]
                for numbers in (first, second)
            ]
            return await asyncio.gather(*(log.append(batch) for log, batch in zip(self.logs, sent, strict=True)))

        results = self.runner.run(both())
        fresh = {
            number
            for numbers, verdicts in zip((first, second), results, strict=True)
            for number, verdict in zip(numbers, verdicts, strict=True)
            if verdict.status is VerdictStatus.STORED
        }
        assert fresh == {number for number in (*first, *second) if number not in self.known}
        self.learn()

    @rule(
        replica=st.integers(0, REPLICAS - 1),
        numbers=NUMBERS,
        body=BODIES,
        crash_in=st.integers(1, 3),
        point=st.sampled_from(CrashPoint),
    )
    def append_and_die(self, replica: int, numbers: list[int], body: str, crash_in: int, point: CrashPoint) -> None:
        store = self.stores[replica]
        store.crash_at, store.point = store.writes + crash_in, point
        batch = [new_event(number, payload={"quantity": number, "body": body}) for number in numbers]
        try:
            verdicts = self.runner.run(self.logs[replica].append(batch))
        except StoreUnavailableError:
            self.learn()
        else:
            self.judge(numbers, body, verdicts)
        self.stores[replica] = CrashingDocuments(self.store)
        self.logs[replica] = self.runner.run(self.opened(replica))

    @rule(partition=st.integers(0, PARTITIONS - 1), back=st.integers(0, 5))
    def follow(self, partition: int, back: int) -> None:
        """A reader applies what follows its position, after a crash some of it again."""
        after = max(0, self.read_to[partition] - back)
        events = self.runner.run(self.observer.read(partition, after=after))
        if events:
            self.runner.run(tally_projection(self.store).apply(events))
            self.read_to[partition] = events[-1].seq

    def judge(self, numbers: list[int], body: str, verdicts: tuple) -> None:
        for number, verdict in zip(numbers, verdicts, strict=True):
            place = (verdict.partition, verdict.seq)
            if number not in self.known:
                assert verdict.status is VerdictStatus.STORED
                self.known[number] = (body, *place)
                continue
            said = self.known[number]
            expected = VerdictStatus.DUPLICATE if said[0] == body else VerdictStatus.REUSED
            assert (verdict.status, place) == (expected, said[1:])

    def learn(self) -> None:
        """See what an append whose answer was lost has stored."""
        for event in self.events():
            self.known.setdefault(event.payload["quantity"], (event.payload["body"], event.partition, event.seq))

    def events(self) -> list[Event]:
        log = self.observer
        return [event for partition in range(PARTITIONS) for event in self.runner.run(log.read(partition, after=0))]

    @invariant()
    def the_log_holds_what_the_model_knows_each_once_and_without_a_hole(self) -> None:
        events = self.events()
        for partition in range(PARTITIONS):
            seqs = [event.seq for event in events if event.partition == partition]
            assert seqs == list(range(1, len(seqs) + 1))
        stored = {event.payload["quantity"]: (event.payload["body"], event.partition, event.seq) for event in events}
        assert len(stored) == len(events)
        assert stored == self.known

    @invariant()
    def the_projection_equals_a_fold_of_what_was_read(self) -> None:
        read = [event for event in self.events() if event.seq <= self.read_to[event.partition]]
        bodies = self.runner.run(all_documents(self.store))
        live = {key: live_body(self.runner.run(self.store.get(SUBJECTS, key))) for key in bodies}
        assert live == expected_tally(read)

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.close()


LogMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
test_any_history_keeps_the_rules = LogMachine.TestCase

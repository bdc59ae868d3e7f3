"""Events that tests append, and the whole of a log, checked for holes."""

from datetime import UTC, datetime
from typing import Any

from services.chassis.eventlog.port import Event, EventLog, NewEvent

OCCURRED_TIME = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


def new_event(number: int, **changes: Any) -> NewEvent:
    """An event of one of 40 subjects; the same number is the same event."""
    fields: dict[str, Any] = {
        "client_event_id": f"e{number}",
        "owner": "key-1",
        "type": "detail-page-view",
        "occurred_time": OCCURRED_TIME,
        "shop": "shanghai",
        "channel": "web",
        "subject": f"card:{number % 40}",
        "payload": {"product": f"p{number}", "名称": "茶", "quantity": number},
    }
    return NewEvent(**{**fields, **changes})


async def stored_events(log: EventLog) -> list[Event]:
    """Everything in the log, checked to be numbered 1, 2, 3, … in each partition."""
    events = []
    for partition, head_seq in enumerate((await log.head()).seqs):
        after = 0
        while found := await log.read(partition, after=after, limit=1_000):
            assert [event.seq for event in found] == list(range(after + 1, after + 1 + len(found)))
            events.extend(found)
            after = found[-1].seq
        assert after == head_seq
    return events

"""Lines of calls are written a few at a time, in order with the others, none longer than a moment."""

import asyncio
from errno import ENOSPC
from io import StringIO

import orjson

from services.chassis.access_lines import WAITING_LIMIT_BYTES, AccessLines, LineWriter
from services.chassis.logs import AccessLog, configure_logs, get_log, reset_logs


class Counted(StringIO):
    """A stream that counts what it is asked to write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def write(self, text: str) -> int:
        self.writes += 1
        return super().write(text)


class Full(StringIO):
    """A file on a disk without room, or a pipe whose reader has gone."""

    is_full = True

    def write(self, text: str) -> int:
        self._check()
        return super().write(text)

    def flush(self) -> None:
        self._check()
        super().flush()

    def _check(self) -> None:
        if self.is_full:
            raise OSError(ENOSPC, "No space left on device")


async def test_lines_without_room_are_lost_without_a_word_and_later_ones_are_written() -> None:
    target = Full()
    writer = LineWriter(target, wait_s=60)
    writer.write("lost\n")
    writer.flush()
    for _ in range(3):
        writer.write_soon(b"x" * WAITING_LIMIT_BYTES)  # each more than may wait
    writer.write_soon(b"lost with it\n")
    writer.write("lost\n")
    target.is_full = False
    writer.write_soon(b"first\n")
    writer.write("second\n")
    assert target.getvalue() == "first\nsecond\n"


def test_work_goes_on_where_no_line_can_be_written() -> None:
    try:
        configure_logs("search", log_format="json", stream=Full(), for_good=False)
        get_log("tests").error("something broke")
        AccessLog("tests").info("call answered", code="OK")
    finally:
        reset_logs()


async def test_lines_that_come_together_are_written_together() -> None:
    target = Counted()
    writer = LineWriter(target, wait_s=0.001)
    for number in range(100):
        writer.write_soon(b"%d\n" % number)
    assert target.writes == 0
    await asyncio.sleep(0.05)
    assert target.writes == 1
    assert target.getvalue().split() == [str(number) for number in range(100)]


async def test_what_comes_after_a_flush_is_flushed_too() -> None:
    target = Counted()
    writer = LineWriter(target, wait_s=0.001)
    for number in range(3):
        writer.write_soon(b"%d\n" % number)
        await asyncio.sleep(0.02)
    assert target.getvalue() == "0\n1\n2\n"


async def test_another_line_does_not_overtake_those_that_wait() -> None:
    target = Counted()
    writer = LineWriter(target, wait_s=60)
    writer.write_soon(b"first\n")
    writer.write("second\n")
    assert target.getvalue() == "first\nsecond\n"


async def test_no_more_than_the_limit_waits() -> None:
    target = Counted()
    writer = LineWriter(target, wait_s=60)
    writer.write_soon(b"x" * (WAITING_LIMIT_BYTES - 2) + b"\n")
    assert target.writes == 0
    writer.write_soon(b"\n")
    assert target.writes == 1 and len(target.getvalue()) == WAITING_LIMIT_BYTES


async def test_at_the_end_what_waits_is_written_and_a_closed_stream_is_left_alone() -> None:
    target = Counted()
    writer = LineWriter(target, wait_s=60)
    writer.write_soon(b"last\n")
    writer.close()
    assert target.getvalue() == "last\n"
    target.close()
    writer.close()


def test_without_an_event_loop_nothing_waits() -> None:
    target = Counted()
    LineWriter(target, wait_s=60).write_soon("知客\n".encode())
    assert target.getvalue() == "知客\n"


def test_a_line_is_one_json_object() -> None:
    target = Counted()
    lines = AccessLines("search", LineWriter(target, wait_s=0))
    lines.write("calls", "call answered", {"code": "OK", "ms": 0.5}, {"request_id": "r-1"})
    line = orjson.loads(target.getvalue())
    assert str(line.pop("time")).endswith("Z")
    assert line == {
        "level": "info",
        "event": "call answered",
        "logger_name": "calls",
        "code": "OK",
        "ms": 0.5,
        "service": "search",
        "request_id": "r-1",
    }

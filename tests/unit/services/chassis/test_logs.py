"""Log lines: one JSON object each, under the call that they belong to, without personal data."""

import logging
from collections.abc import Callable, Iterator
from io import StringIO

import orjson
import pytest

from services.chassis.logs import (
    HIDDEN,
    PERSONAL_FIELDS,
    REQUEST_ID_LIMIT,
    TRACEPARENT_LENGTH,
    AccessLog,
    CallContext,
    bind_call,
    configure_logs,
    get_log,
    log_defect,
    reset_logs,
    usable_request_id,
    usable_traceparent,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def configure() -> Iterator[Callable[..., StringIO]]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def configure(**changes: str) -> StringIO:
        lines = StringIO()
        configure_logs("search", stream=lines, for_good=False, **changes)
        return lines

    yield configure
    reset_logs()
    root.handlers[:] = handlers
    root.setLevel(level)


def parsed(lines: StringIO) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in lines.getvalue().splitlines()]


async def test_a_line_carries_service_time_level_and_call(configure: Callable[..., StringIO]) -> None:
    lines = configure()
    bind_call(CallContext("r-1", f"00-{TRACE}-b7ad6b7169203331-01", "zhike.search.v1.SearchService/Search"))
    get_log("relay").info("orders relayed", count=3, place="杭州")
    (line,) = parsed(lines)
    assert line["event"] == "orders relayed" and line["count"] == 3 and line["place"] == "杭州"
    assert (line["service"], line["level"], line["request_id"], line["trace_id"]) == ("search", "info", "r-1", TRACE)
    assert str(line["time"]).endswith("Z")


async def test_a_line_outside_a_call_names_none(configure: Callable[..., StringIO]) -> None:
    lines = configure()
    get_log("relay").warning("alone")
    assert not {"request_id", "trace_id", "rpc"} & parsed(lines)[0].keys()


def test_lines_below_the_level_are_not_written(configure: Callable[..., StringIO]) -> None:
    lines = configure(level="warning")
    get_log("x").info("quiet")
    get_log("x").warning("loud")
    assert [line["event"] for line in parsed(lines)] == ["loud"]


@pytest.mark.parametrize("field", sorted(PERSONAL_FIELDS))
def test_personal_fields_show_at_debug_only(configure: Callable[..., StringIO], field: str) -> None:
    lines = configure(level="debug")
    get_log("x").info("said", **{field: "13800138000"})
    get_log("x").debug("said", **{field: "13800138000"})
    assert [line[field] for line in parsed(lines)] == [HIDDEN, "13800138000"]


def test_a_defect_is_logged_by_type_and_place_its_words_at_debug_only(configure: Callable[..., StringIO]) -> None:
    def fail() -> None:
        raise ValueError("13800138000")

    for level, words_shown in (("info", False), ("debug", True)):
        lines = configure(level=level)
        try:
            fail()
        except ValueError as error:
            log_defect(get_log("x"), "broke", error, job="mine")
        assert ("13800138000" in lines.getvalue()) is words_shown
        first = parsed(lines)[0]
        assert (first["error_type"], first["job"], first["level"]) == ("ValueError", "mine", "error")
        assert str(first["frames"][-1]).endswith(" fail")


def test_hostile_text_stays_inside_its_line(configure: Callable[..., StringIO]) -> None:
    lines = configure()
    get_log("x").info("a\nb", text='"}\n{"level":"error"}', raw=b"\xff", nothing=object())
    assert len(lines.getvalue().splitlines()) == 1
    assert parsed(lines)[0]["text"] == '"}\n{"level":"error"}'


def test_a_terminal_gets_words_instead_of_json(configure: Callable[..., StringIO]) -> None:
    lines = configure(log_format="console")
    get_log("x").info("orders relayed", count=3)
    assert "orders relayed" in lines.getvalue() and not lines.getvalue().startswith("{")


def test_libraries_that_log_by_themselves_come_out_the_same_way(configure: Callable[..., StringIO]) -> None:
    lines = configure()
    logging.getLogger("some.library").warning("%d left", 3)
    logging.getLogger("some.library").info("chatter")
    assert [(line["event"], line["level"]) for line in parsed(lines)] == [("3 left", "warning")]


def test_a_usable_request_id_is_kept_and_any_other_replaced() -> None:
    assert usable_request_id("a" * REQUEST_ID_LIMIT) == "a" * REQUEST_ID_LIMIT
    for unusable in (None, "", "a" * (REQUEST_ID_LIMIT + 1), "a\nb", "知客", b"bytes"):
        fresh = usable_request_id(unusable)
        assert fresh != unusable and len(fresh) == 16


@pytest.mark.parametrize(
    ("traceparent", "trace"),
    [
        (f"00-{TRACE}-b7ad6b7169203331-01", TRACE),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", ""),
        (f"00-{TRACE.upper()}-b7ad6b7169203331-01", ""),
        (f"00-{TRACE[:-1]}-b7ad6b7169203331-01", ""),
        (f"00-{TRACE}-b7ad6b7169203331-01-more", ""),
        (f"cc-{TRACE}-b7ad6b7169203331-01", TRACE),
        (f"cc-{TRACE}-b7ad6b7169203331-01-what a later version adds", TRACE),
        (f"cc-{TRACE}-b7ad6b7169203331-01x", ""),
        (f"ff-{TRACE}-b7ad6b7169203331-01", ""),
        (f"00-{TRACE}-{'0' * 16}-01", ""),
        (f"00-{TRACE}-b7ad6b7169203331-01\n", ""),
        (f"00-{TRACE}-知客", ""),
        ("00", ""),
        (None, ""),
        (b"00", ""),
    ],
)
def test_a_trace_is_read_from_a_well_formed_traceparent_only(traceparent: str | None, trace: str) -> None:
    usable = usable_traceparent(traceparent)
    assert CallContext("r-1", usable).trace_id == trace
    assert len(usable) == (TRACEPARENT_LENGTH if trace else 0)


async def test_the_line_of_a_call_looks_like_every_other(configure: Callable[..., StringIO]) -> None:
    lines = configure()
    bind_call(CallContext("r-1", f"00-{TRACE}-b7ad6b7169203331-01", "zhike.search.v1.SearchService/Search"))
    get_log("calls").info("call answered", code="OK", ms=1.25)
    AccessLog("calls").info("call answered", code="OK", ms=1.25)
    slow, fast = parsed(lines)
    assert len(str(slow.pop("time"))) == len(str(fast.pop("time"))) == len("2026-11-23T21:30:42.123456Z")
    assert fast == slow


async def test_the_line_of_a_call_obeys_level_and_form(configure: Callable[..., StringIO]) -> None:
    quiet = configure(level="warning")
    AccessLog("calls").info("call answered", code="OK")
    assert not quiet.getvalue()
    shown = configure(log_format="console")
    AccessLog("calls").info("call answered", code="OK")
    assert "call answered" in shown.getvalue() and not shown.getvalue().startswith("{")

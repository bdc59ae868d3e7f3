"""Log lines: structlog, JSON in production, readable on a terminal, with the call that they belong to.

Lines go to standard error; standard output carries only a process's ready line. The call's context (request_id,
trace_id, rpc) is one context variable, set once per call and merged into every line written under it. The one line that
each answered call leaves goes by a shorter way (access_lines.py).
"""

import atexit
import io
import logging
import re
import secrets
import sys
import traceback
from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TextIO, cast

import orjson
import structlog

from services.chassis.access_lines import FLUSH_S, AccessLines, LineWriter

REQUEST_ID_LIMIT = 64  # characters; a longer or unprintable id from outside is replaced
PERSONAL_FIELDS = frozenset(  # and what opens something
    {
        "access_token",
        "authorization",
        "token",
        "phone",
        "email",
        "mail",
        "address_line",
        "id_card",
        "person_name",
        "query",
        "query_text",
    }
)
HIDDEN = "[hidden]"
TRACEPARENT_LENGTH = 55
_TRACEPARENT = re.compile(  # version, trace, span, flags; neither id is all zeros
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII
)
STACK_LIMIT = 12  # innermost frames of a defect's stack

EventDict = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True)
class CallContext:
    """Which call a piece of work belongs to.

    ``traceparent``: a usable one, which calls made meanwhile are sent with; "" without a trace.
    """

    request_id: str
    traceparent: str = ""
    rpc: str = ""

    @property
    def trace_id(self) -> str:
        """The trace's id, 32 hex digits, "" without a trace."""
        return self.traceparent[3:35]


_CALL: ContextVar[CallContext | None] = ContextVar("zhike_call", default=None)
_access: AccessLines | None = None  # None: people read, or nobody wants lines of this level


def bind_call(call: CallContext | None) -> None:
    """Make ``call`` the context of this task and of what it starts; None: it works for nobody."""
    _CALL.set(call)


def bound_call() -> CallContext | None:
    """Return the call that this task works for, None outside one."""
    return _CALL.get()


def new_request_id() -> str:
    """Return a fresh random id for a call that came without a usable one."""
    return secrets.token_hex(8)


def usable_request_id(text: str | bytes | None) -> str:
    """Return the id that came, or a new one when it is absent, too long or not plain printable ASCII."""
    if isinstance(text, str) and 0 < len(text) <= REQUEST_ID_LIMIT and text.isascii() and text.isprintable():
        return text
    return new_request_id()


def usable_traceparent(text: str | bytes | None) -> str:
    """Return a W3C ``traceparent`` in the form that is sent on, "" when it is absent or malformed.

    Of a later version than 00 the four fields are taken that every version has.
    """
    if not isinstance(text, str) or _TRACEPARENT.match(text) is None:
        return ""
    if len(text) == TRACEPARENT_LENGTH:
        return text if text.startswith("00") else f"00{text[2:]}"
    is_later = not text.startswith("00") and text[TRACEPARENT_LENGTH] == "-"
    return f"00{text[2:TRACEPARENT_LENGTH]}" if is_later else ""


def configure_logs(
    service: str,
    *,
    log_format: str = "auto",
    level: str = "info",
    stream: TextIO | None = None,
    for_good: bool = True,
) -> None:
    """Set structlog and the standard library's logging up for this process.

    ``for_good``: loggers remember this set-up from their first line on, which spares each later line its assembly, and
    access lines are written a few at a time.
    """
    global _access
    target = stream if stream is not None else sys.stderr
    as_json = log_format == "json" or (log_format == "auto" and not target.isatty())
    minimum = logging.getLevelNamesMapping()[level.upper()]
    processors: list[Callable[[Any, str, EventDict], Any]] = [
        _service_adder(service),
        _add_call,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _hide_personal_fields,
        structlog.processors.StackInfoRenderer(),
    ]
    _reconfigured(target)
    writer = LineWriter(target, wait_s=FLUSH_S if for_good else 0.0)
    _access = AccessLines(service, writer) if as_json and minimum <= logging.INFO else None
    if for_good:
        atexit.register(writer.close)
    if as_json:
        processors += [structlog.processors.format_exc_info, _render_json]
    else:
        processors.append(structlog.dev.ConsoleRenderer(colors=target.isatty(), pad_event_to=32))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(minimum),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", writer)),
        cache_logger_on_first_use=for_good,
    )
    logging.basicConfig(level=max(minimum, logging.WARNING), handlers=[_StructlogHandler()], force=True)


def reset_logs() -> None:
    """Undo ``configure_logs``; for what starts several services in one process, one after the other."""
    global _access
    _access = None
    structlog.reset_defaults()


def get_log(name: str) -> Any:
    """Return the logger of a module; ``name`` shows as field ``logger_name``."""
    return structlog.get_logger(logger_name=name)


class AccessLog:
    """Writes the line of an answered call, at level info."""

    def __init__(self, name: str) -> None:
        self._name, self._log = name, get_log(name)

    def info(self, event: str, **fields: Any) -> None:
        """Write one line; ``fields`` are known to hold nothing personal and nothing but what JSON has."""
        if _access is None:
            self._log.info(event, **fields)
        else:
            _access.write(self._name, event, fields, _call_fields())


def log_defect(log: Any, event: str, error: BaseException, **fields: Any) -> None:
    """Log where something broke. The exception's text may quote a customer's data, so it shows at DEBUG only."""
    innermost = traceback.extract_tb(error.__traceback__)[-STACK_LIMIT:]
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in innermost]
    log.error(event, error_type=type(error).__qualname__, frames=frames, **fields)
    log.debug(event, error=repr(error), **fields)


def _reconfigured(target: TextIO) -> None:
    """One write call per line: the stream's own line buffering would flush twice."""
    if isinstance(target, io.TextIOWrapper):
        target.reconfigure(line_buffering=False, write_through=True, errors="backslashreplace")


def _service_adder(service: str) -> Callable[[Any, str, EventDict], EventDict]:
    def add_service(_logger: Any, _method: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    return add_service


def _add_call(_logger: Any, _method: str, event: EventDict) -> EventDict:
    event.update(_call_fields())
    return event


def _call_fields() -> dict[str, str]:
    call = _CALL.get()
    if call is None:
        return {}
    fields = {"request_id": call.request_id}
    if call.trace_id:
        fields["trace_id"] = call.trace_id
    if call.rpc:
        fields["rpc"] = call.rpc
    return fields


def _hide_personal_fields(_logger: Any, method: str, event: EventDict) -> EventDict:
    """The last guard, not the rule: nobody should log these fields above DEBUG in the first place."""
    if method != "debug" and not PERSONAL_FIELDS.isdisjoint(event):
        for field in PERSONAL_FIELDS & event.keys():
            event[field] = HIDDEN
    return event


def _render_json(_logger: Any, _method: str, event: EventDict) -> str:
    line = {"time": event.pop("time", None), "level": event.pop("level", None), "event": event.pop("event", None)}
    line.update(event)  # what a person reads first stands first
    return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


class _StructlogHandler(logging.Handler):
    """Lines of libraries that log through the standard library."""

    def emit(self, record: logging.LogRecord) -> None:
        log = structlog.get_logger(logger_name=record.name)
        log.log(record.levelno, record.getMessage(), exc_info=record.exc_info or None)

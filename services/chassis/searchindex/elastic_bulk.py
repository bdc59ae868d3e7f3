"""Owns writing batches: one outcome per write, requests of a bounded size, whole failures told from single ones."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from services.chassis.searchindex.checks import entry_problem, id_problem, version_problem
from services.chassis.searchindex.elastic_schema import is_sound, operation
from services.chassis.searchindex.elastic_server import Ask, Refused, is_passing
from services.chassis.searchindex.port import IndexSchema, Outcome, Put, Write, WriteResult

REQUEST_BYTES: Final = 8 * 1024 * 1024  # of one bulk request; a server takes 100 MB unless it was told otherwise
MESSAGE_CHARACTERS: Final = 300
_CONFLICT: Final = 409
_NOT_FOUND: Final = 404
_FIRST_FAILURE: Final = 300

Part = list[tuple[int, list[bytes]]]  # places in the batch, and the lines of each


async def written(ask: Ask, path: str, writes: Sequence[Write], schema: IndexSchema) -> tuple[WriteResult, ...]:
    """Return one result for each write, in order. Raises Refused when the batch as a whole failed.

    Parts that were written before a failure stand; written again, they are stale.
    """
    results = [_checked(write, schema) for write in writes]
    sound = [place for place, result in enumerate(results) if result.outcome is Outcome.APPLIED]
    for part in _parts(((place, operation(writes[place], schema)) for place in sound), REQUEST_BYTES):
        lines = [line for _, of_write in part for line in of_write]
        params = {"require_alias": "true", "filter_path": "errors,items.*.status,items.*.error"}
        answer = await ask("POST", path, body=lines, params=params)
        if not answer["errors"]:
            continue
        for (place, _), item in zip(part, answer["items"], strict=True):
            results[place] = _result(results[place].id, next(iter(item.values())))
    return tuple(results)


def _checked(write: Write, schema: IndexSchema) -> WriteResult:
    if isinstance(write, Put):
        entry_id, problem = write.entry.id, entry_problem(write.entry, schema)
    else:
        entry_id, problem = write.id, id_problem(write.id) or version_problem(write.version)
    if not problem and not is_sound(entry_id):
        problem = "id is no valid Unicode"
    return WriteResult(entry_id, Outcome.REJECTED if problem else Outcome.APPLIED, problem)


def _parts(lines: Iterator[tuple[int, list[bytes]]], limit_bytes: int) -> Iterator[Part]:
    """Part the writes, in order, into requests of at most ``limit_bytes``, or of one write."""
    part: Part = []
    size = 0
    for place, of_write in lines:
        own = sum(len(line) + 1 for line in of_write)
        if part and size + own > limit_bytes:
            yield part
            part, size = [], 0
        part.append((place, of_write))
        size += own
    if part:
        yield part


def _result(entry_id: str, item: dict[str, Any]) -> WriteResult:
    status, error = item["status"], item.get("error")
    if error is None and (status < _FIRST_FAILURE or status == _NOT_FOUND):
        return WriteResult(entry_id, Outcome.APPLIED)  # 404: a removal of what was not there, which is remembered
    if status == _CONFLICT:
        return WriteResult(entry_id, Outcome.STALE)
    kind, reason = (error or {}).get("type", ""), (error or {}).get("reason", "")
    if is_passing(status, kind) or status == _NOT_FOUND:
        raise Refused(status, kind, reason)
    return WriteResult(entry_id, Outcome.REJECTED, f"{kind}: {reason}"[:MESSAGE_CHARACTERS])

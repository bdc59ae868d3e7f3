"""The program that reads feeds for a FeedReader, in a process that may be ended: one request, one answer, for ever.

A request is a line of JSON with the content type and the body's length, then the body; an answer a line with its
length, then JSON. The process is polite to the others of the machine and may hold only so much memory.
"""

import dataclasses
import os
import resource
import sys
from contextlib import suppress
from typing import Any, BinaryIO, Final

import orjson

from services.reputation.domain.errors import FeedRefusedError
from services.reputation.domain.feeds import read_feed

MEMORY_LIMIT_BYTES: Final = 1024 * 1024 * 1024
NICENESS: Final = 10


def main() -> None:
    """Answer until the other side closes."""
    os.nice(NICENESS)
    with suppress(ValueError, OSError):  # a system that has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Read requests from one stream, write answers to another, until the first ends."""
    while line := requests.readline():
        asked = orjson.loads(line)
        answer = orjson.dumps(answered(requests.read(asked["bytes"]), asked["content_type"]))
        answers.write(b"%d\n" % len(answer))
        answers.write(answer)
        answers.flush()


def answered(body: bytes, content_type: str) -> dict[str, Any]:
    """Return the feed, or why it is refused."""
    try:
        feed = read_feed(body, content_type)
    except FeedRefusedError as error:
        return {"reason": error.reason, "message": error.message}
    except MemoryError:
        return {"reason": "FEED_TOO_LARGE", "message": "the feed takes more memory than a feed may"}
    return {"feed": _storable(dataclasses.asdict(feed))}


def _storable(value: Any) -> Any:
    """Return a value whose texts can be written as UTF-8."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {key: _storable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(each) for each in value]
    return value


if __name__ == "__main__":
    main()

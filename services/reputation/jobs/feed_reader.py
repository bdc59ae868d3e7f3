"""Has feeds read by another process, which is ended when it takes too long: whatever a feed does, it harms one feed.

The process is started for the first feed, kept while there is work, and ended when nothing came for a while.
"""

import asyncio
import sys
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

import orjson

from services.chassis.logs import get_log
from services.reputation.domain.errors import FeedRefusedError
from services.reputation.domain.feed_text import MAX_FEED_BYTES
from services.reputation.domain.feeds import Feed, FeedItem

READ_LIMIT_S: Final = 15.0  # for one feed
START_LIMIT_S: Final = 30.0  # more for the first one of a process
IDLE_S: Final = 60.0
ANSWER_LIMIT_BYTES: Final = 8 * MAX_FEED_BYTES
PROGRAM: Final = ("-m", "services.reputation.jobs.feed_process")

log = get_log("feed-reader")


class FeedReader:
    """Reads one feed at a time. ``close`` ends the process."""

    def __init__(
        self, *, program: tuple[str, ...] = PROGRAM, read_limit_s: float = READ_LIMIT_S, idle_s: float = IDLE_S
    ) -> None:
        self._program, self._read_limit_s, self._idle_s = program, read_limit_s, idle_s
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def read(self, body: bytes, content_type: str) -> Feed:
        """Return what a feed says. Raises FeedRefusedError."""
        if len(body) > MAX_FEED_BYTES:
            raise FeedRefusedError("FEED_TOO_LARGE", f"a feed has at most {MAX_FEED_BYTES:,} bytes")
        async with self._turn:
            self._stay()
            is_fresh = self._process is None
            try:
                async with asyncio.timeout(self._read_limit_s + (START_LIMIT_S if is_fresh else 0.0)):
                    answer = await self._asked(body, content_type)
            except TimeoutError:
                log.warning("reading a feed took too long, the process is ended")
                await self._end()
                raise FeedRefusedError("FEED_TOO_SLOW", "the feed takes longer to read than a feed may") from None
            except (asyncio.IncompleteReadError, OSError, ValueError) as error:
                await self._end()
                message = "the process that reads feeds ended while it read this one"
                raise FeedRefusedError("FEED_UNREADABLE", message) from error
            except asyncio.CancelledError:
                await self._end()  # half an answer lies in the pipe
                raise
            self._leave_later()
        if "feed" not in answer:
            raise FeedRefusedError(answer["reason"], answer["message"])
        return _feed(answer["feed"])

    async def close(self) -> None:
        """End the process."""
        async with self._turn:
            self._stay()
            await self._end()

    async def _asked(self, body: bytes, content_type: str) -> dict[str, Any]:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._program,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(orjson.dumps({"content_type": content_type, "bytes": len(body)}, option=orjson.OPT_APPEND_NEWLINE))
        stdin.write(body)
        await stdin.drain()
        length = int(await stdout.readline() or b"-1")
        if not 0 <= length <= ANSWER_LIMIT_BYTES:
            raise ValueError(f"an answer of {length} bytes")
        answer: dict[str, Any] = orjson.loads(await stdout.readexactly(length))
        return answer

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _stay(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _leave_later(self) -> None:
        self._idle = asyncio.get_running_loop().call_later(self._idle_s, self._leave)

    def _leave(self) -> None:
        """Close the process's input, at which it ends by itself."""
        process, self._process, self._idle = self._process, None, None
        if process is not None and process.stdin is not None:
            process.stdin.close()


def _feed(body: dict[str, Any]) -> Feed:
    items = tuple(
        FeedItem(**{**item, "published": datetime.fromisoformat(item["published"]) if item["published"] else None})
        for item in body["items"]
    )
    return Feed(body["title"], items, body["skipped"])

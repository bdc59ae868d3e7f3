"""A way between two processes that can be made slow, silent or closed while it is in use."""

import asyncio
import contextlib
from enum import StrEnum
from typing import Final

CHUNK_BYTES: Final = 64 * 1024
CONNECTIONS_LIMIT: Final = 1_000


class Way(StrEnum):
    """What becomes of what is sent."""

    OPEN = "open"
    SLOW = "slow"  # every chunk waits
    SILENT = "silent"  # taken, kept back until the way is another; nobody is told
    CLOSED = "closed"  # connections are broken and new ones dropped


class FaultyProxy:
    """Passes TCP connections on to ``host:port``. ``address`` is known once it is started."""

    def __init__(self, host: str, port: int, *, delay_s: float = 0.2) -> None:
        self._upstream, self._delay_s = (host, port), delay_s
        self._way, self._changed = Way.OPEN, asyncio.Event()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """Where it listens."""
        assert self._server is not None, "it is not started"
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    @property
    def way(self) -> Way:
        """What becomes of what is sent now."""
        return self._way

    async def start(self, bind: str = "127.0.0.1") -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, bind, 0)

    def become(self, way: Way) -> None:
        """Change what happens from now on, also on connections that are open."""
        self._way = way
        self._changed.set()
        self._changed = asyncio.Event()
        if way is Way.CLOSED:
            for writer in tuple(self._writers):
                writer.transport.abort()

    async def close(self) -> None:
        """Break every connection and listen no more."""
        self.become(Way.CLOSED)
        if self._server is not None:
            self._server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._way is Way.CLOSED or len(self._tasks) >= CONNECTIONS_LIMIT:
            writer.transport.abort()
            return
        task = asyncio.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            back, onward = await asyncio.open_connection(*self._upstream)
        except OSError:
            self._drop(writer)
            return
        self._writers.add(onward)
        try:
            await asyncio.gather(self._pass(reader, onward), self._pass(back, writer))
        finally:
            self._drop(writer)
            self._drop(onward)

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                while self._way is Way.SILENT:
                    await self._changed.wait()
                if self._way is Way.SLOW:
                    await asyncio.sleep(self._delay_s)
                writer.write(chunk)
                await writer.drain()
        writer.transport.abort()  # either end is the end of both

"""A receiver of webhooks on a port of this machine: it answers 204 and remembers every call.

It can hold calls in its hands, so that a sender can be killed when a call arrived and was not answered yet.
``python -m benchmarks.webhook_receiver`` runs one alone and prints its port.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field

HEAD_LIMIT_BYTES = 16 * 1024
ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True)
class Received:
    """One call as it arrived."""

    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers.get("webhook-id", "")


@dataclass
class WebhookReceiver:
    """``hold``: calls are taken and not answered until it is cleared. ``in_hand`` is set by the first call held."""

    remember: bool = True
    hold: bool = False
    calls: list[Received] = field(default_factory=list)
    count: int = 0
    in_hand: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD_LIMIT_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Take no more calls, and end the connections that senders keep."""
        self._server.close()
        for writer in list(self._open):
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._answer(reader, writer):
                    pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return False
        lines = head.decode("latin-1").split("\r\n")[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.count += 1
        if self.remember:
            self.calls.append(Received(headers, body))
        if self.hold:
            self.in_hand.set()
            while self.hold and not reader.at_eof():  # noqa: ASYNC110 - until let go, or its sender is dead
                await asyncio.sleep(0.005)
        writer.write(ANSWER)
        await writer.drain()
        return True


async def main() -> None:
    receiver = WebhookReceiver(remember=False)
    await receiver.start()
    print(receiver.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())

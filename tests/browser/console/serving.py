"""A console on fakes that listens, for browser tests that need no platform."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from gateway.app import build_app
from gateway.console.registry import AREAS
from tests.fakes.console import ConsoleOnFakes, open_console
from tests.fakes.console_gallery import AREA as GALLERY
from tests.fakes.console_gallery import open_templates


@dataclass
class Served:
    """Where it listens, and the fakes behind it."""

    url: str
    console: ConsoleOnFakes


@contextmanager
def served_console() -> Iterator[Served]:
    """Serve all areas and the gallery until the end of the block."""
    open_templates()
    listening = socket.create_server(("127.0.0.1", 0))
    ready = threading.Event()
    found: dict[str, Any] = {}

    async def serve() -> None:
        console = found["console"] = await open_console((*AREAS, GALLERY))
        app = build_app(console.shop.parts, console.shop.metrics, pages=console.console.routes())
        config = uvicorn.Config(
            app, lifespan="off", log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1
        )
        server = found["server"] = uvicorn.Server(config)
        asyncio.get_running_loop().call_later(0.2, ready.set)
        await server.serve([listening])

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(20)
    yield Served(f"http://127.0.0.1:{listening.getsockname()[1]}", found["console"])
    found["server"].should_exit = True
    thread.join(10)

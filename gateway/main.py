"""Composition root of the gateway: settings, store, channels, keys, and uvicorn with uvloop and httptools."""

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from random import Random
from typing import Final, NoReturn

import uvicorn
import uvloop
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from gateway.admission import Admission
from gateway.alert_streams import ALERTS_LOG, AlertStreams
from gateway.app import build_app
from gateway.authentication import Authenticator
from gateway.console.answering import Console
from gateway.demo_shop.routes import DemoShop
from gateway.endpoints import Parts
from gateway.erased_names import ErasedNames
from gateway.fallbacks import Fallbacks
from gateway.joined_writes import GatewayHttpProtocol
from gateway.keys import KeyStore
from gateway.limits import RateLimiter
from gateway.metrics import GATEWAY_METRICS
from gateway.order_access import OrderTokens
from gateway.order_streams import OrderStreams
from gateway.parameters import LANGUAGES
from gateway.restored_erasures import RestoredErasures
from gateway.settings import GatewaySettings
from gateway.staff.demo import open_demo_accounts
from gateway.staff.demo_file import DEMO_STAFF_FILE
from gateway.staff.office import open_staff
from gateway.tokens import OPERATOR_FILE, SECRET_FILE, OperatorToken, ShopperTokens, load_operator_token, load_secrets
from services.chassis.adapters import open_adapters
from services.chassis.backup.marks import refuse_half_restored
from services.chassis.clients import Clients
from services.chassis.clock import SystemClock
from services.chassis.documents.measured import STORE_METRICS, MeasuredDocuments
from services.chassis.errors import ZhikeError
from services.chassis.eventlog.subscription import RemoteSource
from services.chassis.logs import configure_logs, get_log, log_defect
from services.chassis.metrics import CHASSIS_METRICS, Metrics, stop_serving
from services.chassis.readiness import Readiness
from services.chassis.server import EXIT_SETTINGS, EXIT_START, StartError, collect_traces
from services.chassis.settings import SettingsError, load_settings
from services.chassis.standing import Standings
from services.kits.purchases import ORDER_EVENTS

SERVICE: Final = "gateway"
BACKLOG: Final = 2_048
KEEP_ALIVE_S: Final = 75
COLLECT_AFTER_OBJECTS: Final = 10_000
LOOP_LAG_INTERVAL_S: Final = 1.0

log = get_log("gateway")


@dataclass(frozen=True, slots=True)
class Gateway:
    """A built gateway."""

    app: ASGIApp
    parts: Parts
    console: Console
    metrics: Metrics


@asynccontextmanager
async def built(settings: GatewaySettings) -> AsyncIterator[Gateway]:
    """Open the store, make the secrets on first use, and assemble; close everything at the end of the block."""
    async with AsyncExitStack() as stack:
        clock, metrics = SystemClock(), Metrics((CHASSIS_METRICS, GATEWAY_METRICS, STORE_METRICS))
        collect_traces(stack, settings, SERVICE, metrics)
        adapters = await open_adapters(settings, SERVICE)
        stack.push_async_callback(adapters.close)
        await refuse_half_restored(settings, SERVICE, adapters.documents)
        clients = Clients(settings, metrics, chance=Random())
        stack.push_async_callback(clients.close)
        standings = Standings(metrics)
        documents = MeasuredDocuments(adapters.documents, metrics, standings)
        readiness = Readiness(None, metrics, standings, clock)
        stack.callback(asyncio.create_task(readiness.watch(documents), name="store").cancel)
        keys = KeyStore(documents, clock)
        await keys.open()
        data = settings.data.absolute()
        signing_secrets = load_secrets(adapters.folder / SECRET_FILE)
        tokens = ShopperTokens(signing_secrets, clock)
        order_tokens = OrderTokens(signing_secrets, documents, clock)
        await order_tokens.open()
        operator = OperatorToken(load_operator_token(data / OPERATOR_FILE))
        limiter = RateLimiter(clock)
        authenticator = Authenticator(
            keys, tokens, operator, limiter, orders=order_tokens, clock=clock, settings=settings
        )
        erased_names = ErasedNames(documents, clients)
        parts = Parts(
            settings=settings,
            caller=clients,
            admission=Admission(authenticator, limiter, settings),
            keys=keys,
            tokens=tokens,
            clock=clock,
            start_time=clock.now(),
            fallbacks=Fallbacks(clock, metrics),
            order_tokens=order_tokens,
            order_streams=OrderStreams(RemoteSource(clients, "orders", ORDER_EVENTS), clients, metrics),
            alert_streams=AlertStreams(RemoteSource(clients, "reputation", ALERTS_LOG), clients, metrics),
            readiness=readiness,
            staff=await open_staff(documents, clock, limiter, settings),
            restored=RestoredErasures(documents, clients, scrub=erased_names.is_clean),
        )
        await parts.restored.open()
        for language in LANGUAGES:
            parts.fallbacks.popular.want(settings.default_shop, language)
        console = Console(parts, parts.staff.sessions)
        metrics.gauge("zhike_console_streams").set_function(lambda: len(console.live))
        pages: tuple[BaseRoute, ...] = tuple(console.routes())
        if settings.demo:
            shop = DemoShop(parts, documents, data=data)
            await shop.open()
            pages += tuple(shop.routes())
            await open_demo_accounts(parts.staff, data / DEMO_STAFF_FILE)
        erased = asyncio.create_task(erased_names.run(), name="erased names")
        stack.callback(erased.cancel)
        stack.callback(asyncio.create_task(parts.restored.run(), name="restored erasures").cancel)
        metrics.gauge("zhike_rate_limit_buckets").set_function(lambda: len(limiter))
        yield Gateway(build_app(parts, metrics, pages=pages), parts, console, metrics)


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which ends the process before the stores are closed."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    def stop(self) -> None:
        """Take no more requests, finish those in flight, return from ``serve``."""
        self.should_exit = True


async def _run(settings: GatewaySettings) -> None:
    async with AsyncExitStack() as stack:
        gateway = await stack.enter_async_context(built(settings))
        listening = _listen(settings.bind, settings.http_port)
        stack.callback(listening.close)
        metrics_port = _serve_metrics(stack, gateway.metrics, settings)

        await gateway.parts.readiness.become_ready()

        def say_ready() -> None:
            address = f"{settings.bind}:{listening.getsockname()[1]}"
            metrics = f"{settings.bind}:{metrics_port}"
            log.info("ready", address=address, metrics=metrics, pid=os.getpid(), demo=settings.demo)

        server, parts = _Server(_uvicorn_config(gateway.app, settings), say_ready), gateway.parts

        def stop() -> None:
            server.stop()
            parts.order_streams.close()
            parts.alert_streams.close()
            gateway.console.live.close()

        def stop_if_broken(task: asyncio.Task[None]) -> None:
            """A gateway without its background looks well and is not: the supervisor starts another."""
            error = None if task.cancelled() else task.exception()
            if error is not None:
                log_defect(log, "background work broke off", error)
                stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        _spare_the_collector()
        for background in (
            _watch_loop(gateway.metrics),
            parts.fallbacks.popular.keep_fresh(parts.caller),
            parts.order_streams.run(),
        ):
            task = asyncio.create_task(background)
            task.add_done_callback(stop_if_broken)
            stack.callback(task.cancel)
        await server.serve([listening])
        await gateway.parts.readiness.drain()
        log.info("stopping")
    log.info("stopped")


def _listen(bind: str, port: int) -> socket.socket:
    """Bind before anything is served, so that a taken port is one clear message."""
    try:
        return socket.create_server((bind, port), family=socket.AF_INET6 if ":" in bind else socket.AF_INET)
    except OSError as error:
        raise StartError(f"HTTP cannot listen on {bind}:{port}: {error.strerror or error}") from error


def _serve_metrics(stack: AsyncExitStack, metrics: Metrics, settings: GatewaySettings) -> int:
    try:
        server, port = metrics.serve(settings.bind, settings.metrics_port)
    except OSError as error:
        raise StartError(f"/metrics cannot listen on {settings.bind}:{settings.metrics_port}: {error}") from error
    stack.callback(stop_serving, server)
    return port


def _uvicorn_config(app: ASGIApp, settings: GatewaySettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=GatewayHttpProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        # Without it an open stream would hold the process for ever.
        timeout_graceful_shutdown=max(1, settings.grace_ms // 1_000),
    )


def _spare_the_collector() -> None:
    """Leave what lives as long as the process out of garbage collection, and collect the young ten times less often.

    A request leaves no cycles behind; walking all imported modules again and again costs some percent of its CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 20)


async def _watch_loop(metrics: Metrics) -> None:
    """Show how late the event loop wakes up: heavy work on it delays every request."""
    loop, gauge = asyncio.get_running_loop(), metrics.gauge("zhike_event_loop_lag_seconds")
    while True:
        due = loop.time() + LOOP_LAG_INTERVAL_S
        await asyncio.sleep(LOOP_LAG_INTERVAL_S)
        gauge.set(max(0.0, loop.time() - due))


def main() -> NoReturn:
    """Run until told to stop, then exit: 0, 2 (settings) or 3 (cannot start)."""
    try:
        settings = load_settings(GatewaySettings, SERVICE)
    except SettingsError as error:
        sys.stderr.write(f"{SERVICE} cannot start: {error.message}\n")
        sys.exit(EXIT_SETTINGS)
    configure_logs(SERVICE, log_format=settings.log_format, level=settings.log_level)
    try:
        uvloop.run(_run(settings))
    except ZhikeError as error:
        log.error("cannot start", reason=error.reason, message=error.message)
        sys.exit(EXIT_SETTINGS if isinstance(error, SettingsError) else EXIT_START)
    sys.exit(0)


if __name__ == "__main__":
    main()

"""Faults do what they say, on real sockets and processes, and are undone when they are over."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import psutil
import pytest

from infra.faults.injector import Injector, full_disk
from infra.faults.proxy import FaultyProxy, Way
from infra.faults.schedule import Fault, FaultKind

WRITE = "import sys\nf = open(sys.argv[1], 'wb', buffering=0)\nfor line in sys.stdin:\n  "
WRITE += "try: f.write(b'x' * 9000); print('written', flush=True)\n  except OSError as e: print(e.errno, flush=True)\n"


@pytest.fixture
async def proxy() -> AsyncIterator[FaultyProxy]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(line.upper())
        except ConnectionError:
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        proxy = FaultyProxy("127.0.0.1", server.sockets[0].getsockname()[1], delay_s=0.01)
        await proxy.start()
        yield proxy
        await proxy.close()


async def _open(proxy: FaultyProxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = proxy.address.rpartition(":")
    return await asyncio.open_connection(host, int(port))


@pytest.mark.parametrize("way", [Way.OPEN, Way.SLOW])
async def test_what_is_sent_arrives_in_order(proxy: FaultyProxy, way: Way) -> None:
    proxy.become(way)
    reader, writer = await _open(proxy)
    for text in (b"one\n", b"two\n"):
        writer.write(text)
        assert await reader.readline() == text.upper()
    writer.close()


async def test_a_silent_way_keeps_back_what_is_sent_and_loses_nothing(proxy: FaultyProxy) -> None:
    reader, writer = await _open(proxy)
    proxy.become(Way.SILENT)
    writer.write(b"one\n")
    answer = asyncio.create_task(reader.readline())
    done, _ = await asyncio.wait([answer], timeout=0.2)
    assert not done
    proxy.become(Way.OPEN)
    assert await answer == b"ONE\n"
    writer.close()


async def test_a_closed_way_breaks_connections_and_takes_no_new_ones(proxy: FaultyProxy) -> None:
    opened = await _open(proxy)
    proxy.become(Way.CLOSED)
    assert await _ended(*opened)
    assert await _ended(*await _open(proxy))
    proxy.become(Way.OPEN)
    reader, writer = await _open(proxy)
    writer.write(b"again\n")
    assert await reader.readline() == b"AGAIN\n"
    writer.close()


async def test_nobody_behind_it_looks_as_without_it() -> None:
    proxy = FaultyProxy("127.0.0.1", 1)
    await proxy.start()
    assert await _ended(*await _open(proxy))
    await proxy.close()


async def _ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    try:
        return await reader.read(1) == b""
    except ConnectionError:
        return True
    finally:
        writer.close()


@pytest.fixture
def sleeper() -> Iterator[psutil.Popen]:
    process = psutil.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    if process.is_running():
        process.kill()
    process.wait()


@pytest.mark.parametrize(("kind", "code"), [(FaultKind.KILL, -9), (FaultKind.TERM, -15)])
async def test_a_process_that_is_struck_ends(sleeper: psutil.Popen, kind: FaultKind, code: int) -> None:
    await Injector(lambda _: sleeper.pid).strike(Fault(kind, "search", 0, 0))
    assert sleeper.wait(30) == code


async def test_a_paused_process_stands_still_and_goes_on(sleeper: psutil.Popen) -> None:
    fault = asyncio.create_task(Injector(lambda _: sleeper.pid).strike(Fault(FaultKind.PAUSE, "search", 0, 10.0)))
    async with asyncio.timeout(30):
        while sleeper.status() != psutil.STATUS_STOPPED:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
    await fault
    assert sleeper.status() != psutil.STATUS_STOPPED


async def test_ways_and_stores_are_as_before_when_the_fault_is_over(proxy: FaultyProxy) -> None:
    injector = Injector(lambda _: 0, ways={"search": proxy})
    wanted = {
        FaultKind.SLOW: Way.SLOW,
        FaultKind.BLACK_HOLE: Way.SILENT,
        FaultKind.STORE_DOWN: Way.CLOSED,
        FaultKind.STORE_SLOW: Way.SLOW,
    }
    for kind, way in wanted.items():
        fault = asyncio.create_task(injector.strike(Fault(kind, "search", 0, 0.05)))
        await asyncio.sleep(0)
        assert proxy.way is way
        await fault
        assert proxy.way is Way.OPEN


def test_on_a_full_disk_no_file_grows_until_there_is_room_again(tmp_path) -> None:
    path = tmp_path / "file"
    command = [sys.executable, "-c", "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n" + WRITE, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None

        def write() -> str:
            process.stdin.write("go\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        assert write() == "written"
        with full_disk(psutil.Process(process.pid)):
            assert write() == "27"  # EFBIG
        assert write() == "written"
        process.stdin.close()

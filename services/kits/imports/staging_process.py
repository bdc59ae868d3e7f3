"""Starts the process that stages an imported file, and tells what it says."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import orjson

from services.kits.imports.errors import StagingFailedError
from services.kits.imports.staging import StagingTask


async def stage_in_process(module: str, task: StagingTask) -> AsyncGenerator[Mapping[str, Any], None]:
    """Yield the messages of the process until it ends; it never outlives this. Raises StagingFailedError.

    ``module`` is a service's own, which ends in ``run_stages``.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        orjson.dumps(asdict(task)).decode(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            yield orjson.loads(line)
        code = await process.wait()
        if code != 0:
            raise StagingFailedError("the process that reads the file ended early", code=code)
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

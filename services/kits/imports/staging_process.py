"""Starts the process that stages an imported file, and tells what it says."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import orjson

from services.knowledge.domain.errors import StagingFailedError
from services.knowledge.jobs.staging import StagingTask


async def stage_in_process(task: StagingTask) -> AsyncGenerator[Mapping[str, Any], None]:
    """Yield the messages of the process until it ends; it never outlives this. Raises StagingFailedError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.knowledge.jobs.staging",
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

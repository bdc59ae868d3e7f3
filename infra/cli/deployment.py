"""Finds the deployment that the command speaks to: the data directory, run.json and the operator token."""

import os
from dataclasses import dataclass
from pathlib import Path

from infra.cli.catalog import t
from infra.local.run_file import RunFile, read_run_file
from services.chassis.errors import ErrorKind, ZhikeError

DEFAULT_DATA = "zhike-data"
TOKEN_FILE = "operator.token"  # noqa: S105 - a file's name


class NothingRunsError(ZhikeError):
    """The command needs a running deployment and there is none."""

    kind = ErrorKind.UNAVAILABLE
    reason = "NOTHING_RUNS"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment that runs."""

    data: Path
    run: RunFile
    token: str


def data_directory() -> Path:
    """Return ZHIKE_DATA, by default zhike-data in the current folder."""
    return Path(os.environ.get("ZHIKE_DATA") or DEFAULT_DATA).resolve()


def running_deployment() -> Deployment:
    """Return the deployment of the data directory. Raises NothingRunsError."""
    data = data_directory()
    run = read_run_file(data)
    if run is None:
        raise NothingRunsError(t("app.nothing_runs", data=data))
    try:
        token = (data / TOKEN_FILE).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise NothingRunsError(t("app.no_token", data=data)) from None
    return Deployment(data=data, run=run, token=token)

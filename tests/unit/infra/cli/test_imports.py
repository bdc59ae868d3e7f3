"""``zhike import`` against a gateway of a few answers: what it sends, what it says, how it ends."""

from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from rich.progress import Progress

from infra.cli.api import AWAY_POLLS, Api, ApiProblem, GatewayAwayError
from infra.cli.commands.imports import (
    ErrorFileError,
    ImportCall,
    ImportFailedError,
    ImportRefusedError,
    exit_code,
    run_import,
)
from infra.cli.deployment import Deployment
from infra.cli.import_call import FileFormat
from infra.cli.main import EXIT_CODES, main
from infra.local.run_file import RunFile
from services.chassis.errors import ErrorKind
from tests.fakes.import_gateway import OPERATION, ImportGateway, error_lines, problem, progress

DONE = {"done": True, "progress": progress(rows=3, accepted=2, rejected=1, done_bytes=9)}
DONE_CLEAN = {"done": True, "progress": progress(rows=3, accepted=1, duplicate=2)}


class Command:
    """The command without a terminal."""

    def __init__(self, folder: Path) -> None:
        self.file, self.errors = folder / "orders.csv", folder / "errors.ndjson"
        self.file.write_bytes(b"order_number\n1\n2\n3\n")
        run = RunFile(1, 0.0, "http://zhike", False, {}, {}, {}, True)
        self._deployment = Deployment(folder, run, "op_token")
        self._bar = Progress(console=Console(file=StringIO()))

    async def run(self, gateway: ImportGateway, **fields: Any) -> dict[str, Any]:
        asked = {"resource": "orders", "file": self.file, "file_format": FileFormat.CSV, "parameters": {}} | fields
        async with Api(self._deployment, transport=gateway.transport(), poll_s=0) as api:
            task = self._bar.add_task("x", total=None, note="")
            return await run_import(api, ImportCall(**asked), bar=self._bar, task=task)


@pytest.fixture
async def command(tmp_path: Path) -> AsyncIterator[Command]:
    yield Command(tmp_path)


async def test_the_file_goes_up_whole_as_the_operator_with_its_format_columns_and_options(command: Command) -> None:
    gateway = ImportGateway([{}, DONE_CLEAN])
    parameters = {"column.card": "会员号", "option.charge_products": "POST,M", "dry_run": "true"}
    await command.run(gateway, parameters=parameters)
    upload = gateway.requests[0]
    assert (upload.method, upload.url.path) == ("POST", "/v1/orders:import")
    assert upload.headers["Authorization"] == "Bearer op_token"
    assert upload.headers["Content-Type"] == "text/csv"
    assert dict(upload.url.params) == parameters
    assert gateway.uploaded == command.file.read_bytes()
    assert [request.url.path for request in gateway.requests[1:]] == [f"/v1/operations/{OPERATION}"] * 2


async def test_objects_go_up_as_ndjson(command: Command) -> None:
    gateway = ImportGateway([DONE_CLEAN])
    await command.run(gateway, file_format=FileFormat.NDJSON, resource="events")
    assert gateway.requests[0].headers["Content-Type"] == "application/x-ndjson"
    assert gateway.requests[0].url.path == "/v1/events:import"


async def test_an_empty_file_goes_up_too(command: Command) -> None:
    command.file.write_bytes(b"")
    gateway = ImportGateway([{"done": True, "progress": progress()}])
    assert (await command.run(gateway))["rows"] == 0
    assert gateway.uploaded == b""


async def test_refused_rows_end_in_the_error_file_and_in_exit_code_1(command: Command) -> None:
    gateway = ImportGateway([DONE], error_lines(2))
    result = await command.run(gateway, errors=command.errors)
    assert command.errors.read_bytes() == error_lines(2)
    assert gateway.requests[-1].url.path == f"/v1/operations/{OPERATION}/errors"
    assert exit_code(result) == 1
    assert result["operation"] == OPERATION


async def test_without_a_refused_row_the_error_file_is_emptied_and_the_exit_code_is_0(command: Command) -> None:
    command.errors.write_text("of yesterday")
    result = await command.run(ImportGateway([DONE_CLEAN]), errors=command.errors)
    assert command.errors.read_bytes() == b""
    assert exit_code(result) == 0


async def test_an_error_file_that_cannot_be_written_is_said_before_anything_is_sent(command: Command) -> None:
    gateway = ImportGateway([DONE])
    with pytest.raises(ErrorFileError):
        await command.run(gateway, errors=command.errors / "nowhere")
    assert gateway.requests == []


async def test_a_call_that_the_gateway_refuses_is_one_problem(command: Command) -> None:
    gateway = ImportGateway([DONE])
    gateway.refusal = problem(400, "IMPORT_CONFIG", "orders have no field colour")
    with pytest.raises(ApiProblem, match="400 IMPORT_CONFIG: orders have no field colour") as refused:
        await command.run(gateway)
    assert refused.value.kind is ErrorKind.INVALID


@pytest.mark.parametrize(
    ("reason", "error", "code"),
    [("IMPORT_CONFIG", ImportRefusedError, None), ("STAGING_FAILED", ImportFailedError, 70)],
)
async def test_an_import_that_stopped_says_whose_fault_it_was(
    command: Command, reason: str, error: type[ImportRefusedError | ImportFailedError], code: int | None
) -> None:
    failed = {"done": True, "error": {"reason": reason, "message": "the file has no column 'X' for card"}}
    with pytest.raises(error, match="no column 'X' for card") as raised:
        await command.run(ImportGateway([{}, failed]))
    assert EXIT_CODES.get(raised.value.kind) == code


async def test_a_gateway_that_is_away_while_the_import_runs_is_waited_for(command: Command) -> None:
    away = [httpx.ConnectError("refused"), problem(503, "SERVICE_AWAY"), problem(429, "RATE_LIMIT")] * 3
    result = await command.run(ImportGateway([{}, *away, DONE_CLEAN]))
    assert result["accepted"] == 1


async def test_a_gateway_that_stays_away_ends_the_command_with_its_exit_code(command: Command) -> None:
    gateway = ImportGateway([httpx.ConnectError("refused")])
    with pytest.raises(GatewayAwayError) as away:
        await command.run(gateway)
    assert EXIT_CODES[away.value.kind] == 69
    assert len(gateway.requests) == 1 + AWAY_POLLS + 1


async def test_a_problem_that_waiting_does_not_mend_ends_the_command_at_once(command: Command) -> None:
    gateway = ImportGateway([problem(404, "OPERATION_NOT_FOUND")])
    with pytest.raises(ApiProblem):
        await command.run(gateway)
    assert len(gateway.requests) == 2


@pytest.mark.parametrize(
    ("status", "code"), [(400, 64), (401, 77), (403, 77), (404, 66), (409, 75), (429, 69), (500, 70), (503, 69)]
)
def test_each_problem_has_its_exit_code(status: int, code: int) -> None:
    assert EXIT_CODES.get(ApiProblem(status, {}).kind, 64) == code


def ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run the whole command line; return its exit code and what it said to people, on one line."""
    monkeypatch.setattr("sys.argv", ["zhike", "import", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert isinstance(end.value.code, int)
    return end.value.code, " ".join(capsys.readouterr().err.split())


def test_wrong_calls_end_in_one_line_and_their_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ZHIKE_LANG", "en")
    monkeypatch.setenv("ZHIKE_DATA", str(tmp_path / "nothing"))
    file, text, mapping = tmp_path / "orders.csv", tmp_path / "orders.txt", tmp_path / "m.toml"
    file.write_bytes(b"order_number\n")
    text.write_bytes(b"order_number\n")
    mapping.write_text('[column]\ncard = "x"\n')

    def run(*arguments: str) -> tuple[int, str]:
        return ended(monkeypatch, capsys, "orders", *arguments)

    assert run(str(tmp_path / "missing.csv"))[0] == 2
    code, words = run(str(text))
    assert (code, "--format" in words) == (64, True)
    code, words = run(str(file), "--mapping", str(mapping))
    assert (code, "[columns], [options]" in words) == (64, True)
    assert run(str(file), "--column", "card")[0] == 64
    code, words = run(str(file))
    assert (code, "Nothing runs" in words) == (69, True)
    assert run(str(text), "--format", "csv")[0] == 69

"""``zhike dead-letters`` against a gateway of a few answers: what it asks, what it shows, how it ends."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console
from rich.progress import Progress
from typer.testing import CliRunner

from infra.cli.api import Api, ApiProblem
from infra.cli.commands import dead_letters
from infra.cli.commands.dead_letters import IDS_LIMIT, RedriveFailedError, redrive_letters, waiting_letters
from infra.cli.deployment import Deployment
from infra.cli.main import app, main
from infra.cli.projections import UnknownProjectionError
from infra.local.run_file import RunFile

OPERATION = "search.op-1"
SYSTEM = {
    "ready": False,
    "services": [
        {"service": "knowledge", "ready": True, "reason": "", "readers": [{"projection": "shopping"}]},
        {"service": "search", "ready": True, "reason": "", "readers": [{"projection": "mined"}]},
        {"service": "recommendation", "ready": False, "reason": "SERVICE_UNAVAILABLE"},
    ],
}


def letter(number: int, **fields: Any) -> dict[str, Any]:
    """A letter as the gateway shows it."""
    known = {"id": f"{number:032x}", "projection": "mined", "log": "user-events", "log_owner": "knowledge",
             "partition": 0, "seq": number, "type": "search", "reason": "[KeyError]", "tries": 5, "redrives": 0,
             "fail_time": "2026-02-02T02:40:00Z"}  # fmt: skip
    return known | fields


class Gateway:
    """Keeps some letters of search, and redrives them as it is told."""

    def __init__(self, letters: int = 0, *outcomes: dict[str, Any]) -> None:
        self.letters = [letter(number) for number in range(letters)]
        self.outcomes = list(outcomes)
        self.requests: list[httpx.Request] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path, query = request.url.path, request.url.params
        if path == "/v1/system":
            return httpx.Response(200, json=SYSTEM)
        if path == "/v1/system/knowledge/dead-letters":
            return httpx.Response(200, json={"dead_letters": [], "next_page_token": ""})
        if path == "/v1/system/search/dead-letters":
            start, size = int(query.get("page_token", 0)), int(query["page_size"])
            page = self.letters[start : start + size]
            if query["payload"] == "true":
                page = [each | {"message": "[x]", "event": {"payload": {"q": "牛奶 :smile:"}}} for each in page]
            token = str(start + size) if start + size < len(self.letters) else ""
            return httpx.Response(200, json={"dead_letters": page, "next_page_token": token})
        if path.endswith("dead-letters:redrive"):
            return httpx.Response(202, json={"id": OPERATION, "done": False, "progress": None})
        if path == f"/v1/operations/{OPERATION}":
            return httpx.Response(200, json={"id": OPERATION, "done": True} | self.outcomes.pop(0))
        return httpx.Response(404, json={"reason": "NOT_FOUND", "detail": path})

    def api(self, folder: Path) -> Api:
        deployment = Deployment(folder, RunFile(1, 0.0, "http://zhike", False, {}, {}, {}, True), "op_token")
        return Api(deployment, transport=httpx.MockTransport(self), poll_s=0)

    def asked(self, path_end: str) -> list[httpx.Request]:
        return [request for request in self.requests if request.url.path.endswith(path_end)]


def outcome(accepted: int = 0, duplicate: int = 0, **rejected: str) -> dict[str, Any]:
    errors = [{"row": 1, "reason": reason, "message": "stays", "field": key} for key, reason in rejected.items()]
    counts = {"rows": accepted + duplicate + len(errors), "accepted": accepted, "duplicate": duplicate}
    return {"progress": counts | {"rejected": len(errors), "errors": errors}}


def silent_bar() -> Progress:
    return Progress(console=Console(file=StringIO()))


async def test_letters_of_every_service_that_answers_are_listed_page_by_page(tmp_path: Path) -> None:
    gateway = Gateway(450)
    async with gateway.api(tmp_path) as api:
        found = await waiting_letters(api, "", payload=False, limit=1_000)
    assert [each["seq"] for each in found["dead_letters"]] == list(range(450))
    assert (found["more"], found["missing"]) == (False, ["recommendation"])
    assert {each["service"] for each in found["dead_letters"]} == {"search"}
    assert len(gateway.asked("search/dead-letters")) == 3


@pytest.mark.parametrize(("there", "limit", "more"), [(5, 5, False), (6, 5, True), (201, 200, True), (0, 1, False)])
async def test_a_limit_is_kept_and_what_is_beyond_it_is_told(
    tmp_path: Path, there: int, limit: int, more: bool
) -> None:
    async with Gateway(there).api(tmp_path) as api:
        found = await waiting_letters(api, "mined", payload=False, limit=limit)
    assert (len(found["dead_letters"]), found["more"]) == (min(there, limit), more)


async def test_one_projection_is_asked_of_its_service_alone(tmp_path: Path) -> None:
    gateway = Gateway(2)
    async with gateway.api(tmp_path) as api:
        await waiting_letters(api, "search/mined", payload=True, limit=10)
        (request,) = gateway.asked("/dead-letters")
        assert (request.url.params["projection"], request.url.params["payload"]) == ("mined", "true")
        with pytest.raises(UnknownProjectionError, match="knowledge/shopping"):
            await waiting_letters(api, "carts", payload=False, limit=10)


async def test_a_redrive_is_followed_to_its_end_and_counted(tmp_path: Path) -> None:
    gateway = Gateway(0, outcome(2, 1, e1="KeyError"))
    async with gateway.api(tmp_path) as api:
        progress = await redrive_letters(api, "mined", ["a", "b"], bar=silent_bar())
    assert {name: progress[name] for name in ("accepted", "duplicate", "rejected")} == {
        "accepted": 2, "duplicate": 1, "rejected": 1,
    }  # fmt: skip
    (request,) = gateway.asked(":redrive")
    assert request.url.path == "/v1/system/search/projections/mined/dead-letters:redrive"
    assert json.loads(request.content) == {"ids": ["a", "b"]}


async def test_more_ids_than_a_request_takes_go_in_several(tmp_path: Path) -> None:
    gateway = Gateway(0, outcome(IDS_LIMIT), outcome(1))
    async with gateway.api(tmp_path) as api:
        progress = await redrive_letters(api, "mined", [f"e{n}" for n in range(IDS_LIMIT + 1)], bar=silent_bar())
    assert progress["accepted"] == IDS_LIMIT + 1
    assert [len(json.loads(request.content)["ids"]) for request in gateway.asked(":redrive")] == [IDS_LIMIT, 1]


async def test_a_redrive_that_stops_says_why(tmp_path: Path) -> None:
    gateway = Gateway(0, {"error": {"reason": "UNAVAILABLE", "message": "knowledge is away."}})
    async with gateway.api(tmp_path) as api:
        with pytest.raises(RedriveFailedError, match="knowledge is away"):
            await redrive_letters(api, "mined", [], bar=silent_bar())


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Any]:
    """Run the command line against a gateway."""
    monkeypatch.setenv("ZHIKE_LANG", "en")

    def invoke(gateway: Gateway, *arguments: str) -> tuple[int, str, str]:
        said, told = StringIO(), StringIO()
        monkeypatch.setattr(dead_letters, "output", Console(file=said, width=200, highlight=False, soft_wrap=True))
        monkeypatch.setattr(dead_letters, "people", Console(file=told, width=200, highlight=False))
        monkeypatch.setattr(dead_letters, "running_deployment", lambda: None)
        monkeypatch.setattr(dead_letters, "Api", lambda _: gateway.api(tmp_path))
        monkeypatch.setattr(dead_letters, "progress_bar", silent_bar)
        result = CliRunner().invoke(app, ["dead-letters", *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, said.getvalue(), told.getvalue()

    return invoke


def test_the_list_names_events_and_quotes_none(run: Callable[..., Any]) -> None:
    code, said, told = run(Gateway(2), "list")
    assert (code, "牛奶" in said) == (0, False)
    assert "search/mined" in said and "user-events 0/1" in said and "[KeyError]" in said
    assert "recommendation does not answer" in told
    _, said, _ = run(Gateway(1), "list", "--payload")
    assert "牛奶 :smile:" in said and "[x]" in said
    _, said, told = run(Gateway(0), "list")
    assert "No dead letters wait" in told and said == ""
    _, said, _ = run(Gateway(3), "list", "--json", "--limit", "2")
    found = json.loads(said)
    assert (len(found["dead_letters"]), found["more"]) == (2, True)


def test_the_exit_code_tells_whether_any_stays_a_dead_letter(run: Callable[..., Any]) -> None:
    code, said, _ = run(Gateway(0, outcome(2)), "redrive", "mined", "--all")
    assert (code, said.strip()) == (0, "2 applied, 0 applied before, 0 still dead letters.")
    code, said, _ = run(Gateway(0, outcome(1, 0, e7="KeyError")), "redrive", "mined", "e7", "e8")
    assert code == 1 and "e7  KeyError: stays" in said


@pytest.mark.parametrize("chosen", [[], ["e1", "--all"]])
def test_neither_ids_nor_all_or_both_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], chosen: list[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["zhike", "dead-letters", "redrive", "mined", *chosen])
    monkeypatch.setenv("ZHIKE_LANG", "en")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 64 and "--all" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["list"], ["redrive", "mined", "--all"]])
def test_nothing_that_runs_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, command: list[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["zhike", "dead-letters", *command])
    monkeypatch.setenv("ZHIKE_DATA", str(tmp_path))
    monkeypatch.setenv("ZHIKE_LANG", "en")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 69 and "zhike up" in capsys.readouterr().err


async def test_a_refusal_of_the_gateway_is_raised_as_it_is(tmp_path: Path) -> None:
    async with Gateway().api(tmp_path) as api:
        with pytest.raises(ApiProblem, match="NOT_FOUND"):
            await api.get("/v1/system/carts/dead-letters")

"""Every documented route as every principal on the real processes: no server error, no status that is not declared.

ZHIKE_FUZZ_S bounds it all (600), and ZHIKE_FUZZ_ROUNDS the rounds, which are the same each time. A round sends each
route a few requests by its schema and a few against it; rounds go on until the time is up. What fails is shown with the
command that repeats it.
"""

import os
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from gateway.openapi import FILE
from gateway.principals import Role
from tests.journeys.callers import eventually
from tests.journeys.platform import Platform

FUZZ_S = float(os.environ.get("ZHIKE_FUZZ_S", "600"))
ROUNDS = int(os.environ.get("ZHIKE_FUZZ_ROUNDS", "1000"))
EXAMPLES = 4  # of a route in a round, by its schema and as many against it; one where the principal may not ask
ANSWER_LIMIT_S = 30
FAILURES_LIMIT = 20
ELSEWHERE = {"ROUTE_NOT_FOUND", "METHOD_NOT_ALLOWED"}  # a parameter with a slash asks another route
SCHEMA = schemathesis.openapi.from_path(str(FILE))
OPERATIONS = [each.ok() for each in SCHEMA.get_all_operations()]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(FUZZ_S + 400)]


@schemathesis.serializer("application/x-ndjson", "text/csv", "image/png", "image/jpeg", "image/webp")
def serialize_file(_: Any, value: Any) -> bytes:
    """Send what was drawn for a file as it is: its rows are the importers' matter, not the schema's."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


class Walk:
    """The requests of all rounds, and what came of them."""

    def __init__(self, platform: Platform, credentials: Mapping[Role | None, Mapping[str, str]]) -> None:
        self._url, self._credentials = platform.url, credentials
        self._session = requests.Session()
        self._session.trust_env = False
        self.failures: dict[tuple[str, str, int], str] = {}
        self.statuses: Counter[int] = Counter()
        self.asked: set[tuple[str, str]] = set()

    def ask(self, operation: Any, role: Role | None, mode: GenerationMode, *, number: int, examples: int) -> None:
        """Send one route a few requests as one principal."""

        @seed(number)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            self._send(operation, case, role)

        with suppress(Unsatisfiable):  # a route without parameters cannot be asked wrongly
            send()

    def _send(self, operation: Any, case: Any, role: Role | None) -> None:
        if isinstance(case.body, dict) and case.body.get("engine") == "ray":
            case.body["engine"] = "local"  # a cluster for each request would measure nothing but its start
        sent = case.as_transport_kwargs(base_url=self._url)
        sent["headers"] = {**sent["headers"], **self._credentials[role]}
        name = role.value if role else "nobody"
        try:
            with self._session.request(**sent, timeout=ANSWER_LIMIT_S, stream=True, allow_redirects=False) as answer:
                self._judge(operation, name, answer)
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError):
            return  # what the client itself does not send
        except requests.exceptions.RequestException as error:
            self.failures[operation.label, name, 0] = f"{operation.label} as {name}: no answer: {error!r}"

    def _judge(self, operation: Any, name: str, answer: requests.Response) -> None:
        self.asked.add((operation.label, name))
        self.statuses[answer.status_code] += 1
        problem = answer.headers.get("content-type", "") == "application/problem+json"
        said = answer.json() if problem else {}
        if said.get("reason") in ELSEWHERE:
            return
        declared = operation.definition.raw["responses"]
        allowed = operation.definition.raw["x-principals"]
        if name not in allowed and allowed != ["public"]:
            wrong = answer.status_code not in {400, 401, 403}
        else:
            wrong = str(answer.status_code) not in declared or answer.status_code == 500
        if wrong:
            key = (operation.label, name, answer.status_code)
            self.failures.setdefault(
                key, f"{operation.label} as {name}: {answer.status_code} {said}\n  {_command(answer)}"
            )


def _command(answer: requests.Response) -> str:
    """Return what repeats the request, without who asked."""
    request = answer.request
    body = request.body if isinstance(request.body, str) else (request.body or b"").decode("latin-1")
    given_type = request.headers.get("Content-Type", "")
    return f"curl -X {request.method} {request.url!r} -H 'Content-Type: {given_type}' -d {body[:500]!r}"


def _may(operation: Any, role: Role | None) -> bool:
    allowed = operation.definition.raw["x-principals"]
    return allowed == ["public"] or (role is not None and role.value in allowed)


def test_no_route_breaks_or_answers_what_it_does_not_declare(
    platform: Platform, credentials: dict[Role | None, dict[str, str]]
) -> None:
    walk, end, number = Walk(platform, credentials), time.monotonic() + FUZZ_S, 0
    whole_rounds = 0
    while number < ROUNDS and time.monotonic() < end and len(walk.failures) < FAILURES_LIMIT:
        number += 1
        # Who may comes first: time that runs short is short of the routes' refusals, not of what lies behind them.
        turns = [(operation, role) for operation in OPERATIONS for role in credentials]
        for operation, role in sorted(turns, key=lambda turn: not _may(*turn)):
            if time.monotonic() >= end or len(walk.failures) >= FAILURES_LIMIT:
                break
            may = _may(operation, role)
            for mode in GenerationMode if may else (GenerationMode.POSITIVE,):
                walk.ask(operation, role, mode, number=number, examples=EXAMPLES if may else 1)
        else:
            whole_rounds += 1
    print(f"\n{sum(walk.statuses.values())} requests, {len(walk.asked)} routes × principals, {number} rounds")
    print(dict(sorted(walk.statuses.items())))
    assert not walk.failures, "\n".join(walk.failures.values())
    if whole_rounds:
        asked = {label for label, _ in walk.asked}
        assert not [each.label for each in OPERATIONS if each.label not in asked], "routes that nobody was asked for"
    eventually(lambda: platform.status()["ready"], "the platform is not ready after it", limit_s=60)

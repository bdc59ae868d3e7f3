"""A gateway that takes one import: as much of the public API as ``zhike import`` speaks to, and what it was asked."""

import json
from collections.abc import Sequence
from typing import Any

import httpx

OPERATION = "knowledge.op-1"
FORM: dict[str, Any] = {"id": OPERATION, "done": False, "progress": None}


def progress(**counts: Any) -> dict[str, Any]:
    """Return an operation's counters."""
    empty = {"rows": 0, "accepted": 0, "duplicate": 0, "rejected": 0, "rejected_by_reason": {}, "accepted_by_kind": {},
             "errors": [], "total_bytes": 0, "done_bytes": 0}  # fmt: skip
    return empty | counts


def problem(status: int, reason: str, detail: str = "why") -> httpx.Response:
    """Return a problem as the gateway writes it."""
    body = {"title": "t", "status": status, "reason": reason, "detail": detail}
    return httpx.Response(status, json=body, headers={"Content-Type": "application/problem+json"})


class ImportGateway:
    """Answers an upload, then each look at the operation with the next of ``answers``, the last one for ever."""

    def __init__(self, answers: Sequence[dict[str, Any] | httpx.Response | Exception], errors: bytes = b"") -> None:
        self._answers, self._errors = list(answers), errors
        self.refusal: httpx.Response | None = None  # of the upload
        self.requests: list[httpx.Request] = []
        self.uploaded = b""

    def transport(self) -> httpx.MockTransport:
        """Return what sends every request here."""
        return httpx.MockTransport(self._answer)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.method == "POST":
            self.uploaded = await request.aread()
            return self.refusal or httpx.Response(202, json=FORM)
        if request.url.path.endswith("/errors"):
            return httpx.Response(200, content=self._errors)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=FORM | answer)


def error_lines(*rows: int) -> bytes:
    """Return an error file of these rows."""
    return b"".join(json.dumps({"row": row, "reason": "R", "message": "m", "raw": []}).encode() + b"\n" for row in rows)

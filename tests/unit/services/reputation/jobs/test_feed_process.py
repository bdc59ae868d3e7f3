"""The program that reads feeds: one answer for each request, whatever is in it."""

import io

import orjson
import pytest

from services.reputation.jobs import feed_process
from services.reputation.jobs.feed_process import answered, serve


def request(body: bytes, content_type: str = "") -> bytes:
    return orjson.dumps({"content_type": content_type, "bytes": len(body)}) + b"\n" + body


def answers(stream: io.BytesIO) -> list[dict[str, object]]:
    found = []
    while line := stream.readline():
        found.append(orjson.loads(stream.read(int(line))))
    return found


def test_requests_are_answered_one_after_the_other() -> None:
    feed = '{"version": "https://jsonfeed.org/version/1", "items": [{"content_text": "好"}]}'.encode()
    out = io.BytesIO()
    serve(io.BytesIO(request(feed) + request(b"no feed") + request(b"")), out)
    out.seek(0)
    first, second, third = answers(out)
    assert first["feed"]["items"][0]["text"] == "好"  # type: ignore[index]
    assert second["reason"] == third["reason"] == "FEED_UNREADABLE"


def test_a_feed_that_takes_all_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(body: bytes, content_type: str) -> None:
        raise MemoryError

    monkeypatch.setattr(feed_process, "read_feed", greedy)
    assert answered(b"", "")["reason"] == "FEED_TOO_LARGE"


def test_texts_that_cannot_be_written_are_mended() -> None:
    body = b'{"version": "https://jsonfeed.org/version/1", "items": [{"id": "a", "content_text": "x\\u0000y"}]}'
    assert orjson.dumps(answered(body, ""))

"""``zhike train tone``: files of any of the two forms become one stream of labelled texts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from rich.progress import Progress

from infra.cli.api import Api
from infra.cli.commands.train import TrainingFailedError, train_tone
from infra.cli.deployment import Deployment
from infra.cli.import_call import UnknownFormatError
from infra.cli.tone_files import UnknownColumnError, labelled_lines
from infra.local.run_file import RunFile
from tests.fakes.import_gateway import ImportGateway, progress

DEPLOYMENT = Deployment(Path(), RunFile(1, 0.0, "http://zhike", False, {}, {}, {}, True), "op_token")


def read(files: Sequence[Path], text: str = "text", label: str = "label") -> list[Any]:
    return [orjson.loads(line) for line in labelled_lines(files, text, label)]


def test_csv_and_ndjson_become_one_form(tmp_path: Path) -> None:
    table, lines = tmp_path / "a.csv", tmp_path / "b.ndjson"
    table.write_bytes('\ufefflabel,review\r\n1,"好,吃"\r\n0,难吃\r\n'.encode())
    lines.write_bytes('{"review": "一般", "label": "negative", "other": 1}\n'.encode())
    assert read([table, lines], "review") == [
        {"text": "好,吃", "label": "1", "data": "a.csv"},
        {"text": "难吃", "label": "0", "data": "a.csv"},
        {"text": "一般", "label": "negative", "data": "b.ndjson"},
    ]


def test_a_row_that_cannot_be_taken_apart_goes_along_for_the_service_to_name(tmp_path: Path) -> None:
    table, lines = tmp_path / "a.csv", tmp_path / "b.jsonl"
    table.write_bytes(b"text,label\nx,1\nonly one cell\n")
    lines.write_bytes(b"{no json\n\xff\n")
    found = read([table, lines])
    assert found[0]["text"] == "x"
    assert all(isinstance(row, list) for row in found[1:])
    assert len(found) == 4


def test_a_file_without_the_column_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_bytes(b"review,label\nx,1\n")
    with pytest.raises(UnknownColumnError, match="review, label"):
        read([table])
    (tmp_path / "a.xlsx").write_bytes(b"")
    with pytest.raises(UnknownFormatError):
        read([tmp_path / "a.xlsx"])
    empty = tmp_path / "empty.csv"
    empty.write_bytes(b"")
    assert read([empty]) == []


async def test_a_training_is_sent_and_followed(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_bytes(b"text,label\nx,1\n")
    gateway = ImportGateway([{}, {"done": True, "progress": progress(accepted=1)}])
    async with Api(DEPLOYMENT, transport=gateway.transport(), poll_s=0) as api:
        done = await train_tone(api, [table], "text", "label", dry_run=True, bar=Progress(disable=True))
    assert done["accepted"] == 1
    sent = gateway.requests[0]
    assert (sent.url.path, sent.url.params["dry_run"]) == ("/v1/tone-models:train", "true")
    assert sent.headers["content-type"] == "application/x-ndjson"
    assert orjson.loads(gateway.uploaded) == {"text": "x", "label": "1", "data": "a.csv"}


async def test_a_training_that_fails_says_why(tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_bytes(b"text,label\nx,1\n")
    gateway = ImportGateway([{"done": True, "error": {"reason": "TONE_DATA", "message": "1 positive text"}}])
    async with Api(DEPLOYMENT, transport=gateway.transport(), poll_s=0) as api:
        with pytest.raises(TrainingFailedError, match="1 positive text"):
            await train_tone(api, [table], "text", "label", dry_run=False, bar=Progress(disable=True))

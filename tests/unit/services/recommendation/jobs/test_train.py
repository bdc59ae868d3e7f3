"""The trainer's own face: files in, a file and JSON lines out."""

from pathlib import Path

import orjson
import pytest

from services.recommendation.jobs.train import EXIT_REFUSED, MODEL_FILE, main
from services.recommendation.store.blobs import decode_model, encode_training_set
from tests.unit.services.recommendation.shop import shop_rows


def run(folder: Path, capfdbinary: pytest.CaptureFixture[bytes], content: bytes) -> tuple[int, list[dict[str, object]]]:
    training_set = folder / "set.npz"
    training_set.write_bytes(content)
    code = main(["--training-set", str(training_set), "--out", str(folder), "--engine", "local"])
    return code, [orjson.loads(line) for line in capfdbinary.readouterr().out.splitlines()]


def test_it_writes_the_arrays_and_says_how_far_it_is(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    rows, product_ids = shop_rows()
    code, lines = run(tmp_path, capfdbinary, encode_training_set(rows, product_ids))
    assert code == 0
    assert lines[-2] == {"stage": "train", "done": 7, "total": 7}
    result = lines[-1]["result"]
    assert isinstance(result, dict)
    assert result["file"] == MODEL_FILE
    assert len(result["windows"]) == 3
    assert decode_model((tmp_path / MODEL_FILE).read_bytes()).product_ids == product_ids


def test_a_refusal_is_a_line_with_its_reason(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    rows, product_ids = shop_rows()
    nothing = rows.where(rows.time_s < 0)
    code, lines = run(tmp_path, capfdbinary, encode_training_set(nothing, product_ids))
    assert code == EXIT_REFUSED
    assert lines[-1]["error"]["reason"] == "NOTHING_TO_TRAIN_ON"  # type: ignore[index]
    assert not (tmp_path / MODEL_FILE).exists()

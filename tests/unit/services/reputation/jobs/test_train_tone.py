"""The training program, and the operation that supervises it."""

import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.manifest import Manifests
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.operation_run import Operation, OperationRun, OperationState, Progress
from services.reputation.domain import tone_data
from services.reputation.domain.errors import ToneDataError, ToneNotEarnedError, ToneTrainingFailedError
from services.reputation.jobs import train_tone
from services.reputation.jobs.tone_trainer import ToneTrainer
from services.reputation.store.tone_models import ToneModelStore, decode_tone_model
from services.reputation.usecases.tone import ToneInForce
from tests.fakes.clock import ManualClock
from tests.strategies.tone import reviews


def write_rows(path: Path, count: int, *, noise: float = 0.1, extra: Sequence[bytes] = ()) -> Path:
    rows = zip(*reviews(count, noise=noise), strict=True)
    lines = [orjson.dumps({"text": text, "label": int(label), "data": "a.csv"}) for text, label in rows]
    path.write_bytes(b"\n".join([*lines, *extra]))
    return path


def said_by(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_the_program_trains_judges_and_tells(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bad = (b'{"text": "", "label": 1}', b"{no json", b'{"text": "x", "label": "neutral"}', b"[]")
    data, out = write_rows(tmp_path / "data", 1_200, extra=bad), tmp_path / "model.npz"
    assert train_tone.main(["--data", str(data), "--out", str(out)]) == 0
    said = said_by(capfd)
    rejected = [line["rejected"] for line in said if "rejected" in line]
    assert [(each["row"], each["reason"]) for each in rejected] == [
        (1_201, "TEXT_MISSING"),
        (1_202, "ROW_MALFORMED"),
        (1_203, "LABEL_INVALID"),
        (1_204, "ROW_MALFORMED"),
    ]
    steps = [line["done"] for line in said if "total" in line]
    assert steps == sorted(steps)
    assert steps[-1] < train_tone.STEPS
    card = said[-1]["result"]
    assert (card["texts"], card["data"], card["by_language"]) == (1_200, {"a.csv": 1_200}, {"zh": 1_200})
    assert card["accuracy"] > 0.8
    model = decode_tone_model(out.read_bytes())
    assert card["features"] == (model.squares > 0).sum()
    assert model.languages == {"zh"}


def test_too_little_is_told_and_trains_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data, out = write_rows(tmp_path / "data", 50), tmp_path / "model.npz"
    assert train_tone.main(["--data", str(data), "--out", str(out)]) == train_tone.EXIT_REFUSED
    assert said_by(capfd)[-1]["error"]["reason"] == "TONE_DATA"
    assert not out.exists()


def test_one_text_past_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_tone, "TEXTS_LIMIT", 20)
    assert len(train_tone.read_texts(write_rows(tmp_path / "most", 20))) == 20
    with pytest.raises(ToneDataError):
        train_tone.read_texts(write_rows(tmp_path / "more", 21))
    assert tone_data.TEXTS_LIMIT > 20


class Training:
    """An operation over a real file and a real program."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, ManualClock()
        self.artifacts = LocalArtifacts(folder / "blobs")
        self.manifests = Manifests(MemoryDocuments(), self.artifacts, self.clock)
        self.models = ToneModelStore(self.manifests, self.artifacts)
        self.tone = ToneInForce(self.models)
        self.runs: list[OperationRun] = []

    async def run(self, data: Path, *, program: str = "", dry_run: bool = False) -> OperationRun:
        blob = await self.artifacts.put_file(data)
        arguments = {"file": blob.digest, "dry_run": dry_run}
        operation = Operation("1", "train-tone", OperationState.RUNNING, arguments, Progress(), self.clock.now())

        async def save(_: OperationRun) -> None:
            return

        run = OperationRun(operation, save, self.clock)
        self.runs.append(run)

        def command(data: Path, out: Path) -> Sequence[str]:
            return [sys.executable, "-c", program] if program else self._real(data, out)

        await ToneTrainer(self.models, self.tone, self.artifacts, self.clock, command=command).train(run)
        return run

    @staticmethod
    def _real(data: Path, out: Path) -> Sequence[str]:
        return [
            sys.executable,
            "-m",
            "services.reputation.jobs.train_tone",
            "--data",
            str(data),
            "--out",
            str(out),
        ]


@pytest.fixture
async def training(tmp_path: Path) -> AsyncIterator[Training]:
    made = Training(tmp_path)
    await made.artifacts.open()
    await made.manifests.open()
    yield made
    for run in made.runs:
        run.close()
    await made.artifacts.close()


async def test_a_trained_model_is_promoted_with_its_card(training: Training, tmp_path: Path) -> None:
    run = await training.run(write_rows(tmp_path / "data", 1_200, extra=(b'{"text": "", "label": 1}',)))
    promotion = await training.models.in_force()
    assert promotion is not None
    assert promotion.version.startswith("tone-20260105-080000-")
    assert promotion.card.texts == 1_200
    assert (run.progress.rows, run.progress.accepted, run.progress.rejected) == (1_201, 1_200, 1)
    assert run.progress.rejected_by_reason == {"TEXT_MISSING": 1}
    assert run.progress.done_bytes == run.progress.total_bytes
    judged = training.tone.tone_of("好吃 新鲜 推荐", "zh")
    assert judged is not None
    assert judged.label == "positive"


async def test_a_dry_run_promotes_nothing(training: Training, tmp_path: Path) -> None:
    await training.run(write_rows(tmp_path / "data", 1_200), dry_run=True)
    assert await training.models.in_force() is None


async def test_a_model_that_is_no_better_than_a_guess_is_not_promoted(training: Training, tmp_path: Path) -> None:
    with pytest.raises(ToneNotEarnedError) as refused:
        await training.run(write_rows(tmp_path / "data", 1_200, noise=0.5))
    assert set(refused.value.metadata) == {"accuracy", "majority"}
    assert await training.models.in_force() is None


async def test_too_little_data_is_said_as_such(training: Training, tmp_path: Path) -> None:
    with pytest.raises(ToneDataError):
        await training.run(write_rows(tmp_path / "data", 50))


async def test_a_program_that_dies_is_said_as_such(training: Training, tmp_path: Path) -> None:
    program = 'import sys; print(\'noise\'); print(\'{"stage": "read", "done": 1, "total": 9}\'); sys.exit(3)'
    with pytest.raises(ToneTrainingFailedError) as failed:
        await training.run(write_rows(tmp_path / "data", 20), program=program)
    assert failed.value.metadata == {"stage": "read", "code": "3"}

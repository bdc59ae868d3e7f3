"""Models: versions with their held-out windows against popularity; promote, go back, train now and look on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from google.longrunning import operations_pb2
from pydantic import Field
from zhike.recommendation.v1 import model_service_pb2 as pb

from gateway.clients import (
    GET_OPERATION,
    LIST_MODELS,
    PATIENCE_MS,
    PROMOTE_MODEL,
    READ_TIMEOUT_MS,
    TRAIN_MODEL,
)
from gateway.console.cells import Act, Chip, Column, Moment, Stacked, Table
from gateway.console.live import Polled
from gateway.console.pages import Attention, Card, Flash, Form, FormModel, Page, Redirect, Topic, View
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit
from gateway.operation_form import operation_form, progress_of
from services.chassis.errors import NotFoundError, ZhikeError

READERS: Final = frozenset({StaffRole.MERCHANDISER, StaffRole.ANALYST, StaffRole.ADMIN})
WRITERS: Final = frozenset({StaffRole.MERCHANDISER, StaffRole.ADMIN})
SERVICE: Final = "recommendation"
TABLE: Final = "models"
PROGRESS_EVERY_S: Final = 1.0
CHARTED: Final = 12  # versions of the page whose gain is drawn
DIGITS: Final = 4  # of an NDCG


class TrainForm(FormModel):
    """How to train."""

    engine: Literal["ray", "local"] = "ray"
    sweep: bool = False
    dry_run: bool = False


class PromoteForm(FormModel):
    """Which version to put in force, and why."""

    version: Annotated[str, Field(min_length=1, max_length=64)]
    reason: Annotated[str, Field(max_length=400)] = ""


@dataclass(frozen=True, slots=True)
class Training:
    """A training that runs, or ended before the reader's eyes. ``share`` is done of 1."""

    id: str
    done: bool
    share: float
    progress: Mapping[str, Any]
    error: Mapping[str, Any] | None


async def show(visit: Visit) -> View:
    """Show the versions."""
    request = pb.ListModelsRequest(page_size=min(100, visit.page_size(TABLE, 20)), page_token=visit.cursor(TABLE))
    found = await visit.ask(LIST_MODELS, request)
    number = found.promotions[0].number if found.promotions else 0
    in_force = found.promotions[0].version if found.promotions else ""
    visit.form("train", {"engine": "ray"})
    visit.form("promote", version=number)
    versions = {model.version: model for model in found.models}
    shown = versions.get(in_force) or next(iter(found.models), None)
    recent = [model for model in reversed(found.models[:CHARTED]) if model.windows]
    return {
        "in_force": versions.get(in_force),
        "promotions": found.promotions,
        "training": await _training(visit, found.training or visit.text("training", 80)),
        "shown": shown,
        "windows": [visit.formats.short_day(each.start_time) for each in shown.windows] if shown else [],
        "recent": [visit.formats.short_day(model.create_time) for model in recent],
        "gains": [_mean(model, "ndcg_at_10") for model in recent],
        "popular": [_mean(model, "popularity_ndcg_at_10") for model in recent],
        "mean": _mean,
        "verdict": _verdict(visit, shown) if shown else "",
        "reasons": {model.verdict: _verdict(visit, model) for model in found.models},
        "table": Table(
            TABLE, _columns(visit, in_force), found.models, found.next_page_token, empty="insight.no_models"
        ),
    }


async def train(visit: Visit, form: TrainForm) -> Redirect:
    """Start a training."""
    request = pb.TrainModelRequest(
        engine=form.engine,
        sweep=form.sweep,
        dry_run=form.dry_run,
        request_id=visit.submit_id,
        actor=visit.staff.principal.name,
    )
    operation = await visit.ask(TRAIN_MODEL, request)
    await visit.record("model.train", "model", operation.name, after=form.model_dump())
    return Redirect(f"{visit.link('/models')}?training={operation.name}", Flash("insight.training_started"))


async def promote(visit: Visit, form: PromoteForm) -> Redirect:
    """Put a version in force, an older one too."""
    request = pb.PromoteModelRequest(
        version=form.version,
        reason=form.reason,
        actor=visit.staff.principal.name,
        expected_number=visit.expected_version,
    )
    model = await visit.ask(PROMOTE_MODEL, request)
    before, after = {"promotion": visit.expected_version}, {"version": model.version, "reason": form.reason}
    await visit.record("model.promote", "model", model.version, before=before, after=after)
    return Redirect(visit.link("/models"), Flash("insight.promoted", {"version": model.version}))


async def _training(visit: Visit, operation_id: str) -> Training | None:
    """Return how far a training is; None for none, or one that nobody knows any more."""
    if not operation_id.startswith(f"{SERVICE}."):
        return None
    request = operations_pb2.GetOperationRequest(name=operation_id)
    try:
        operation = await visit.parts.caller.call(GET_OPERATION[SERVICE], request, timeout_ms=READ_TIMEOUT_MS)
    except ZhikeError as error:
        if isinstance(error, NotFoundError) or error.kind.value == "not-found":
            return None
        raise
    form = operation_form(operation)
    progress = form["progress"] or {}
    total, done = progress.get("total_bytes", 0), progress.get("done_bytes", 0)
    share = 1.0 if operation.done else done / total if total else 0.0
    return Training(operation.name, operation.done, share, progress, form.get("error"))


async def read_models(parts: Any, _shop: str) -> tuple[str, int | None]:
    """Say in one line what is in force and how far a training is."""
    found = await LIST_MODELS.briefly(parts.caller, pb.ListModelsRequest(page_size=1))
    newest = found.models[0].version if found.models else ""
    number = found.promotions[0].number if found.promotions else 0
    if not found.training:
        return f"{number}:{newest}", None
    request = operations_pb2.GetOperationRequest(name=found.training)
    operation = await parts.caller.call(GET_OPERATION[SERVICE], request, timeout_ms=PATIENCE_MS, waits=False)
    progress = progress_of(operation)
    done = 0 if progress is None else progress.done_bytes
    return f"{number}:{newest}:{found.training}:{done}", None


async def below_popularity(visit: Visit) -> Attention:
    """The model in force does not earn it: what is popular would do better."""
    found = await LIST_MODELS.briefly(visit.parts.caller, pb.ListModelsRequest(page_size=20))
    weak = [model for model in found.models if model.promoted and not model.earned]
    return Attention(
        "insight.attention",
        visit.link("/models"),
        len(weak),
        "warn",
        [(_verdict(visit, model), visit.link("/models")) for model in weak],
    )


def _verdict(visit: Visit, model: pb.Model) -> str:
    """Return what its windows say in the reader's language; of a version of before, what was written then."""
    return model.verdict_words.by_language.get(visit.language) or model.verdict


def _mean(model: pb.Model, field: str) -> float | None:
    return sum(getattr(each, field) for each in model.windows) / len(model.windows) if model.windows else None


def _columns(visit: Visit, in_force: str) -> Sequence[Column]:
    words = visit.words

    def state(model: pb.Model) -> Sequence[Chip]:
        chips = [Chip(words("insight.in_force"), "good")] if model.version == in_force else []
        earned = Chip(words("insight.earned"), "info") if model.earned else Chip(words("insight.unearned"), "warn")
        return [*chips, earned]

    def acts(model: pb.Model) -> Act | None:
        if model.promoted or not visit.may(*WRITERS):
            return None
        return Act("promote", "insight.promote", {"version": model.version}, "", "insight.promote_sure")

    return (
        Column("insight.version", lambda model: Stacked(model.version, _verdict(visit, model)), wide=True),
        Column("insight.trained", lambda model: Moment(model.create_time)),
        Column("insight.by", lambda model: model.actor or words("insight.schedule")),
        Column("insight.state", state),
        Column("insight.ndcg", lambda model: _rounded(_mean(model, "ndcg_at_10")), numeric=True),
        Column("insight.popularity", lambda model: _rounded(_mean(model, "popularity_ndcg_at_10")), numeric=True),
        Column("insight.windows", lambda model: len(model.windows), numeric=True),
        Column("", acts, export=False),
    )


def _rounded(value: float | None) -> str | None:
    return None if value is None else f"{value:.{DIGITS}f}"


CARD: Final = Card("models", frozenset({StaffRole.MERCHANDISER, StaffRole.ANALYST}), below_popularity, ("models",))
TOPIC: Final = Topic("models", READERS, Polled(read_models, every_s=PROGRESS_EVERY_S).follow)
PAGE: Final = Page(
    path="/models",
    roles=READERS,
    title="insight.models",
    help="insight.models_help",
    template="insight/models.html",
    show=show,
    nav="models",
    forms=(Form("train", TrainForm, train, WRITERS), Form("promote", PromoteForm, promote, WRITERS)),
    topics=("models",),
)

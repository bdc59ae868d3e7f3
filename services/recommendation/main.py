"""Composition root of recommendation: ``python -m services.recommendation.main``."""

import ctypes
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits
from zhike.recommendation.v1 import model_service_pb2_grpc, prediction_service_pb2_grpc, scene_service_pb2_grpc

from services.chassis.erasure.policies import ErasureParts
from services.chassis.eventlog.snapshots import ReplicaState, State
from services.chassis.jobs import Job, JobKind
from services.chassis.server import Runtime, Service, run_service
from services.kits.controls.control import ActionType
from services.kits.controls.control_checks import Abilities
from services.kits.controls.controls_room import ControlsRoom, controls_room
from services.recommendation.domain.prediction import Placement
from services.recommendation.jobs.board import BoardKeeper
from services.recommendation.jobs.cluster_numbers import ClusterNumbers
from services.recommendation.jobs.followed import SAVE_CHECK_INTERVAL_S, Followed
from services.recommendation.jobs.model_numbers import NUMBERS_INTERVAL_S, ModelNumbers
from services.recommendation.jobs.regular_training import RegularTraining
from services.recommendation.jobs.scorer import Scorer, ScorerOptions
from services.recommendation.jobs.trainer import Command, Trainer, TrainerOptions
from services.recommendation.servicer.models import SCORE_KIND, TRAIN_KIND, ModelServicer
from services.recommendation.servicer.predictions import PredictionServicer
from services.recommendation.servicer.scenes import SceneServicer
from services.recommendation.settings import RecommendationSettings
from services.recommendation.store import ledger, people, shelf
from services.recommendation.store.exported import exported_interactions
from services.recommendation.store.models import ModelStore
from services.recommendation.store.scenes import SceneStore
from services.recommendation.store.scores import ShardStore
from services.recommendation.store.shelf_facts import ShelfFacts
from services.recommendation.store.world import World
from services.recommendation.usecases.controlled import Ruling
from services.recommendation.usecases.models import ModelInForce
from services.recommendation.usecases.predict import ConsentRules
from services.recommendation.usecases.previewing import RecommendationPreviewer
from services.recommendation.usecases.scenes import Staging
from services.recommendation.usecases.segments import KeptSegments, known_segments
from services.recommendation.usecases.taste import Profiles
from services.recommendation.wire.predictions import reason_text

NAME = "recommendation"
MODEL_WATCH_INTERVAL_S = 2.0
TOKEN_BYTES = 15
DRY_RUN_CUSTOMERS = 1_000
CONTROL_ACTIONS = frozenset(ActionType) - {ActionType.SYNONYMS, ActionType.REDIRECT}
MALLOPT_MMAP_THRESHOLD = -3  # <malloc.h>
LARGE_BLOCK_BYTES = 1024 * 1024

StateT = TypeVar("StateT", bound=State)
Settings = RecommendationSettings


@dataclass(frozen=True, slots=True)
class Copies:
    """The three copies that answers are made from."""

    interactions: Followed[ledger.Ledger]
    people: Followed[people.People]
    shelf: Followed[shelf.Shelf]

    def all(self) -> tuple[Followed[Any], ...]:
        """Return them; products first, for what names them comes later."""
        return (self.shelf, self.people, self.interactions)


async def build(runtime: Runtime[Settings]) -> Service:
    """Put the service together."""
    return await build_with(runtime, command=None)


async def build_with(runtime: Runtime[Settings], *, command: Command | None) -> Service:
    """Put the service together; ``command`` starts another trainer than the real one (tests)."""
    settings, clock = runtime.settings, runtime.clock
    world, profiles = World(), Profiles()
    copies = _copies(runtime, world)
    models = ModelStore(runtime.documents, runtime.manifests)
    await models.declare()
    for copy in copies.all():
        await copy.open()
    in_force = ModelInForce(models, runtime.artifacts, world, profiles)
    board = BoardKeeper(world, clock)
    cluster = ClusterNumbers(runtime.metrics, runtime.standings)
    trainer = _trainer(runtime, world, models, in_force, copies=copies, cluster=cluster, command=command)
    runtime.operations.register(TRAIN_KIND, trainer.train, repeatable=True)
    consent = ConsentRules(
        default_consent=settings.consents_by_default,
        staleness_limit_s=settings.consent_staleness_ms / 1_000,
        staleness_s=copies.people.staleness_s,
    )
    shards = ShardStore(runtime.documents)
    await shards.declare()
    scenes = SceneStore(runtime.documents)
    await scenes.declare()
    options = ScorerOptions(settings.train_workers, settings.ray_address)
    scorer = Scorer(
        world,
        models,
        shards,
        runtime.artifacts,
        consent=consent,
        clock=clock,
        options=options,
        numbers=cluster,
    )
    runtime.operations.register(SCORE_KIND, scorer.score, repeatable=True)
    room, answering = await _answering(runtime, world, profiles, consent)
    model_servicer = ModelServicer(models, in_force, runtime.operations, NAME)
    scene_servicer = SceneServicer(Staging(scenes, runtime.artifacts, world, consent, clock))

    async def ready() -> None:
        for copy in copies.all():
            await copy.caught_up()
        await board.refresh()
        await in_force.refresh()

    return Service(
        servicers=[
            *answering,
            (model_service_pb2_grpc.add_ModelServiceServicer_to_server, model_servicer),
            (scene_service_pb2_grpc.add_SceneServiceServicer_to_server, scene_servicer),
        ],
        jobs=[*_jobs(runtime, copies, models, in_force=in_force, board=board, world=world), *room.jobs()],
        ready=[ready],
        close=[copy.save for copy in copies.all()],
        readers=lambda: [log for copy in copies.all() for log in copy.logs],
        rebuilds={copy.name: copy.rebuild for copy in copies.all()},
        named_blobs=[models.named_blobs, shards.named_blobs, scenes.named_blobs],
        facts=lambda: _facts(world, cluster),
        erasure=ErasureParts(
            projections={
                copies.interactions.name: [name for name, _ in ledger.LOGS],
                copies.people.name: [people.LOG],
            },
            states=[copies.interactions.name, copies.people.name],
            export={"interactions": partial(exported_interactions, world)},
        ),
    )


def _trainer(
    runtime: Runtime[Settings],
    world: World,
    models: ModelStore,
    in_force: ModelInForce,
    *,
    copies: Copies,
    cluster: ClusterNumbers,
    command: Command | None,
) -> Trainer:
    settings = runtime.settings
    return Trainer(
        world,
        models,
        in_force,
        runtime.artifacts,
        trained_through=copies.interactions.trained_through,
        clock=runtime.clock,
        command=command or TrainerOptions(settings.train_workers, settings.ray_address).command,
        numbers=cluster,
    )


async def _answering(
    runtime: Runtime[Settings], world: World, profiles: Profiles, consent: ConsentRules
) -> tuple[ControlsRoom, list[tuple[Callable[..., None], object]]]:
    """Return the Controls, and who answers placements under them."""
    clock = runtime.clock
    facts = ShelfFacts(world)
    room = controls_room(runtime, facts)
    await room.open()
    segments = KeptSegments(world, consent)
    prediction = PredictionServicer(
        world,
        profiles,
        consent=consent,
        clock=clock,
        new_token=lambda: secrets.token_urlsafe(TOKEN_BYTES),
        ruling=lambda: Ruling(room.live.current(), segments),
    )
    previewer = RecommendationPreviewer(
        world,
        room.live,
        consent,
        clock,
        segments=segments,
        words=lambda slot, language: reason_text(slot, world.shelf, language),
    )
    return room, [
        (prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server, prediction),
        room.servicer(runtime, facts, _abilities(world), previewer, sample=DRY_RUN_CUSTOMERS),
    ]


def _abilities(world: World) -> Abilities:
    """Return what Controls of this service may do."""
    return Abilities(
        actions=CONTROL_ACTIONS,
        placements=tuple(each.value for each in Placement),
        segments=lambda: tuple(known_segments(world)),
        has_queries=False,
        normalised=str.strip,
    )


def _copies(runtime: Runtime[Settings], world: World) -> Copies:
    def followed(
        make: Callable[[], StateT], install: Callable[[StateT], None], *logs: tuple[str, str]
    ) -> Followed[StateT]:
        sources = [runtime.source(name, owner) for name, owner in logs]

        def replica(state: StateT) -> ReplicaState:
            return ReplicaState(
                state,
                sources,
                runtime.documents,
                runtime.artifacts,
                runtime.clock,
                rng=runtime.chance,
                metrics=runtime.metrics,
                save_interval_s=runtime.settings.snapshot_interval_s,
            )

        return Followed(make, replica, install)

    def install_ledger(state: ledger.Ledger) -> None:
        world.ledger = state

    def install_people(state: people.People) -> None:
        world.people = state

    def install_shelf(state: shelf.Shelf) -> None:
        world.shelf = state

    return Copies(
        interactions=followed(ledger.Ledger, install_ledger, *ledger.LOGS),
        people=followed(people.People, install_people, (people.LOG, people.OWNER)),
        shelf=followed(shelf.Shelf, install_shelf, (shelf.LOG, shelf.OWNER)),
    )


def _jobs(
    runtime: Runtime[Settings],
    copies: Copies,
    models: ModelStore,
    *,
    in_force: ModelInForce,
    board: BoardKeeper,
    world: World,
) -> list[Job]:
    settings, replica = runtime.settings, JobKind.PER_REPLICA
    jobs = [Job(f"{copy.name}-copy", copy.run, replica) for copy in copies.all()]
    jobs += [
        Job(f"{copy.name}-snapshot", copy.save_if_much_came, replica, every_s=SAVE_CHECK_INTERVAL_S)
        for copy in copies.all()
    ]
    jobs.append(Job("popular-board", board.refresh, replica, every_s=settings.board_interval_ms / 1_000))
    numbers = ModelNumbers(models, world, runtime.clock, runtime.metrics)
    jobs.append(Job("model-numbers", numbers.refresh, replica, every_s=NUMBERS_INTERVAL_S))
    jobs.append(Job("model-in-force", in_force.refresh, replica, every_s=MODEL_WATCH_INTERVAL_S))
    if settings.train_every_hours:
        every = timedelta(hours=settings.train_every_hours)
        regular = RegularTraining(models, runtime.operations, world, runtime.clock, every=every, kind=TRAIN_KIND)
        jobs.append(Job("regular-training", regular.run))
    return jobs


async def _facts(world: World, cluster: ClusterNumbers) -> Mapping[str, object]:
    model = world.model
    return {
        "interactions": len(world.ledger),
        "identifiers": world.ledger.actors,
        "people": len(world.people),
        "products": len(world.shelf),
        "model": "" if model is None else model.version,
        "ranker": "" if model is None else model.ranker.value,
        "ray": cluster.standing,
    }


def give_large_blocks_back() -> None:
    """Make the C library return every large array to the system when it is freed.

    By itself glibc raises its threshold up to 32 MB and then keeps such blocks: 480 MB instead of 170 MB for the demo
    shop after a start from a snapshot. Another C library has no mallopt and is left alone.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MALLOPT_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)


if __name__ == "__main__":
    give_large_blocks_back()
    threadpool_limits(limits=1, user_api="blas")  # a request's arithmetic is too small for a second thread
    run_service(NAME, RecommendationSettings, build)

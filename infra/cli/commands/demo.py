"""``zhike demo load``: the demo shop's year through the same import as any shop's, then its first models."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, TaskID

from gateway.demo_shop.tray import Ticket, Tray
from infra.cli.api import Api
from infra.cli.catalog import t
from infra.cli.commands.imports import import_file
from infra.cli.commands.train import Engine, train_models
from infra.cli.deployment import Deployment, running_deployment
from infra.cli.screen import output, people, progress_bar
from infra.demo.controls import demo_controls
from infra.demo.desk import CALLS_TODAY, DESK_SEED, demo_cases, desk_people
from infra.demo.files import DEMO_SHOP, HOUSEHOLDS, DemoFiles, DemoPlan, demo_burst, write_demo_files
from infra.demo.mentions import chance
from infra.demo.scenes import SCENES as DEMO_SCENES
from infra.demo.scenes import content_of, goods_in

RESOURCES = ("products", "customers", "orders", "events", "mentions")
CATCH_UP_LIMIT_S = 600.0
CATCH_UP_PAUSE_S = 0.3

app = typer.Typer(help=t("demo.help"), no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``load`` a subcommand although it is the only one."""


@app.command("load", help=t("demo.load"))
def load(
    households: Annotated[
        int, typer.Option("--households", help=t("up.households"), min=1, max=HOUSEHOLDS)
    ] = HOUSEHOLDS,
    engine: Annotated[Engine, typer.Option("--engine", help=t("train.engine"))] = Engine.RAY,
) -> None:
    """Load the demo shop."""
    asyncio.run(load_demo(households, engine=engine))


async def load_demo(households: int, *, engine: Engine = Engine.RAY) -> None:
    """Write the demo's files, import them in order, wait for the readers, train. Shows bars."""
    deployment = running_deployment()
    started = time.monotonic()
    with progress_bar() as bar:
        files = await _write_files(deployment, households, bar)
        async with Api(deployment) as api:
            await watch_brands(api, files)
            imported = await _import_all(api, files, bar)
            await wait_for_readers(api, bar)
            send_web_orders(deployment.data, files)
            await set_controls(api, files)
            await stage_scenes(api, files)
            await fill_desk(api, files)
            model = await train_models(api, engine, sweep=False, bar=bar)
            if imported["mentions"].get("accepted"):
                await let_it_burst(api, files)
    if all(progress.get("accepted", 0) == 0 for progress in imported.values()):
        people.print(t("demo.already"), style="dim")
    counts = {name: f"{value:,}" for name, value in files.read_manifest()["counts"].items()}
    output.print(t("demo.done", seconds=time.monotonic() - started, **counts))
    output.print(t("train.done", version=model.get("version", "?"), verdict=model.get("verdict", "")), markup=False)


async def _write_files(deployment: Deployment, households: int, bar: Progress) -> DemoFiles:
    """Write the files in a thread: polars works outside the interpreter's lock and the bar goes on moving."""
    task = bar.add_task(t("demo.generating", name="…"), total=None, note="")

    def show(stage: str, done: int, total: int) -> None:
        bar.update(task, description=t("demo.generating", name=stage), completed=done, total=total)

    plan = DemoPlan(end_time=datetime.now(UTC), households=None if households == HOUSEHOLDS else households)
    return await asyncio.to_thread(write_demo_files, deployment.data / "demo", plan, show)


async def _import_all(api: Api, files: DemoFiles, bar: Progress) -> dict[str, Any]:
    imported: dict[str, Any] = {}
    for resource in RESOURCES:
        task = bar.add_task(resource, total=None, note="")
        path = getattr(files, resource)
        imported[resource] = await import_file(api, resource, path, {"shop": DEMO_SHOP}, bar=bar, task=task)
    return imported


async def watch_brands(api: Api, files: DemoFiles) -> None:
    """Have mentions matched with the demo's brands; before the mentions."""
    for brand in files.read_talk().brands:
        await api.put(f"/v1/brands/{brand.id}", brand.form)


async def let_it_burst(api: Api, files: DemoFiles) -> None:
    """Let a bad quarter of an hour end in the last closed bucket, so that an alert is there to be seen."""
    await api.post("/v1/mentions", {"mentions": demo_burst(files, datetime.now(UTC))})


async def set_controls(api: Api, files: DemoFiles) -> None:
    """Write the demo's Controls, launch or schedule them; one that is there already is left alone."""
    known: set[str] = set()
    for service in ("search", "recommendation"):
        page = await api.get(f"/v1/controls/{service}", page_size=200)
        known.update(each["content"]["title"] for each in page["controls"])
    for each in await asyncio.to_thread(demo_controls, files.products, datetime.now(UTC)):
        if each.content["title"] not in known:
            path = f"/v1/controls/{each.service}"
            control = (await api.post(path, {**each.content, "request_id": each.key}))["control"]
            if each.step:
                await api.post(f"{path}/{control['id']}:{each.step}", {"despite_conflicts": True})


async def fill_desk(api: Api, files: DemoFiles) -> None:
    """Open the demo's cases and plan its calls; what is there already stays as it is."""
    customers, products = await asyncio.to_thread(desk_people, files)
    now = datetime.now(UTC)
    for case in demo_cases(customers, products, chance(DESK_SEED), now=now):
        opened = await api.post("/v1/cases", {**case.opening, "shop": DEMO_SHOP})
        for verb, body in case.steps:
            await api.post(f"/v1/cases/{opened['id']}:{verb}", body)
    for place, customer in enumerate(customers[:CALLS_TODAY]):
        call = {"customer": customer, "kind": "telephone", "purpose": "service", "shop": DEMO_SHOP}
        day = (await api.get("/v1/contacts:days", days=1))["today"]
        contact = await api.post("/v1/contacts", {**call, "day": day, "request_id": f"demo-call-{day}-{place}"})
        if place % 3 == 0 and contact["state"] == "planned":
            await api.post(f"/v1/contacts/{contact['id']}:complete", {"outcome": "reached"})
    for abc_class in ("A", "B"):
        await api.post("/v1/contacts:plan", {"abc_class": abc_class, "limit": 200, "shop": DEMO_SHOP})


async def stage_scenes(api: Api, files: DemoFiles) -> None:
    """Publish the demo's scenes in the shop that its page shows; one that is there is left alone."""
    known = {scene["name"] for scene in (await api.get("/v1/scenes", page_size=100))["scenes"]}

    goods = await asyncio.to_thread(goods_in, files.products)
    for scene in DEMO_SCENES:
        if scene.name in known:
            continue
        picture = await asyncio.to_thread(scene.draw)
        media = await api.upload("/v1/media", _once(picture), content_type="image/png", parameters={})
        content = content_of(scene, media["id"], goods)
        if content is None:
            continue
        draft = await api.post("/v1/scenes", {**content, "request_id": f"demo-scene-{scene.name}"})
        await api.post(f"/v1/scenes/{draft['id']}:publish")


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


def send_web_orders(data: Path, files: DemoFiles) -> None:
    """Have the simulated workshop see to the latest orders, each as long as it takes in life."""
    tray = Tray(data)
    for order_id in files.read_web_orders():
        tray.put(Ticket(order_id, seconds=None))


async def wait_for_readers(api: Api, bar: Progress, *, pause_s: float = CATCH_UP_PAUSE_S) -> None:
    """Wait until no reader is behind its log. Raises TimeoutError after ten minutes."""
    task: TaskID = bar.add_task(t("demo.catching_up"), total=None, note="")
    most = 1
    async with asyncio.timeout(CATCH_UP_LIMIT_S):
        while True:
            system = await api.get("/v1/system")
            readers = [reader for service in system["services"] for reader in service.get("readers", [])]
            behind = sum(reader["lag_events"] for reader in readers)
            most = max(most, behind)
            bar.update(task, total=most, completed=most - behind, note=f"{behind:,}")
            if system["ready"] and readers and behind == 0:  # of a service that restarts no reader is shown
                return
            await asyncio.sleep(pause_s)

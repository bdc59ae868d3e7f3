"""``zhike backup``, ``zhike verify`` and ``zhike restore``."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import SystemRandom
from typing import Annotated, Any

import orjson
import typer
from rich.markup import escape
from rich.progress import TaskID

from infra.cli.catalog import t
from infra.cli.deployment import data_directory
from infra.cli.screen import output, people, progress_bar
from infra.local.plan import GATEWAY, SERVICES
from infra.local.profile import Profile, profile_environment
from infra.local.restoring import Restore, Restored, restore
from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.artifacts.port import ArtifactStore
from services.chassis.backup.archive import BackupExpiredError, Manifest, Show, read_manifest
from services.chassis.backup.marks import refuse_half_restored_files
from services.chassis.backup.taking import DEFAULT_KEEP, Wanted, take_embedded, take_through_ports
from services.chassis.backup.verifying import verify as verify_archive
from services.chassis.clock import SystemClock
from services.chassis.documents.port import DocumentStore
from services.chassis.settings import ChassisSettings, load_settings, variable

ALL_SERVICES = (GATEWAY, *SERVICES)  # the gateway first: keys and accounts that later writes name are older than these
MIB = 1024 * 1024
KEEP_LIMIT_DAYS = 3_650


def backup(
    target: Annotated[Path, typer.Argument(help=t("backup.target"))],
    previous: Annotated[Path | None, typer.Option("--previous", help=t("backup.previous"))] = None,
    keep_days: Annotated[
        int, typer.Option("--keep-days", help=t("backup.keep"), min=1, max=KEEP_LIMIT_DAYS)
    ] = DEFAULT_KEEP.days,
    json: Annotated[bool, typer.Option("--json", help=t("status.json"))] = False,
) -> None:
    """Copy the deployment while it runs."""
    profile, _ = profile_environment(None, os.environ)
    if previous is not None:
        read_manifest(previous)
    wanted = Wanted(target.resolve(), profile.value, timedelta(days=keep_days), previous)
    with _shown() as show:
        manifest = asyncio.run(_take(wanted, profile, show))
    _print("done", target, manifest, json=json)


def verify(
    folder: Annotated[Path, typer.Argument(help=t("backup.folder"))],
    json: Annotated[bool, typer.Option("--json", help=t("status.json"))] = False,
) -> None:
    """Check a backup without restoring it."""
    with _shown() as show:
        manifest = verify_archive(folder, show)
    _print("whole", folder, manifest, json=json)
    if manifest.is_expired(SystemClock().now()):
        people.print(f"[yellow]![/] {escape(t('backup.expired', time=manifest.expire_time))}")


def restore_backup(
    folder: Annotated[Path, typer.Argument(help=t("backup.folder"))],
    force: Annotated[bool, typer.Option("--force", help=t("backup.force"))] = False,
    expired: Annotated[bool, typer.Option("--expired", help=t("backup.although"))] = False,
) -> None:
    """Put a backup back into the data directory (or the databases), on which nothing runs."""
    manifest = read_manifest(folder)
    if manifest.is_expired(SystemClock().now()) and not expired:
        raise BackupExpiredError(t("backup.refused", time=manifest.expire_time))
    profile_environment(None, os.environ)
    data = data_directory()
    with _shown() as show:
        verify_archive(folder, show)
        settings = {each.service: _settings(each.service, data) for each in manifest.services}
        wanted = Restore(folder, manifest, data, settings, force=force)
        restored = asyncio.run(restore(wanted, clock=SystemClock(), rng=SystemRandom(), show=show))
    _print("restored", data, manifest, json=False)
    _tell_of_erased(restored, manifest)
    people.print(t("backup.then"), style="dim")


def _tell_of_erased(restored: Restored, manifest: Manifest) -> None:
    if restored.erased_again:
        people.print(t("backup.erased_again", count=restored.erased_again), style="yellow", soft_wrap=True)
    if not restored.erased_known:
        people.print(t("backup.erased_unknown", time=_local(manifest.created_time)), style="yellow", soft_wrap=True)


async def _take(wanted: Wanted, profile: Profile, show: Show) -> Manifest:
    data, clock = data_directory(), SystemClock()
    refuse_half_restored_files(data)
    if profile is Profile.EMBEDDED:
        return await take_embedded(wanted, data, ALL_SERVICES, clock, show)
    from services.chassis.documents.mongo import MongoDocuments  # a driver that most calls of the command do without

    async with AsyncExitStack() as opened:
        stores: dict[str, tuple[DocumentStore, ArtifactStore]] = {}
        for service in ALL_SERVICES:
            documents = MongoDocuments.open(_settings(service, data).documents, service)
            opened.push_async_callback(documents.close)
            artifacts = await _artifacts(service, data, documents, wanted.target)
            stores[service] = (documents, artifacts)
        try:
            return await take_through_ports(wanted, data, stores, clock, show)
        finally:
            opened.callback(_forget_copies, wanted.target)


async def _artifacts(service: str, data: Path, documents: DocumentStore, target: Path) -> ArtifactStore:
    """Return a service's blobs; those of a server pass through a folder beside the backup."""
    if _settings(service, data).artifacts == "local":
        return LocalArtifacts(data / service / "artifacts")
    from services.chassis.artifacts.gridfs import GridFsArtifacts
    from services.chassis.documents.mongo import MongoDocuments

    assert isinstance(documents, MongoDocuments)  # GridFS lies in the documents' database alone
    remote = GridFsArtifacts(documents, _copies_folder(target) / service)
    await remote.open()
    return remote


def _copies_folder(target: Path) -> Path:
    return target.with_name(f".{target.name}.copies")


def _forget_copies(target: Path) -> None:
    for path in sorted(_copies_folder(target).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    if _copies_folder(target).exists():
        _copies_folder(target).rmdir()


def _settings(service: str, data: Path) -> ChassisSettings:
    """Return what every process reads, as this service would read it."""
    _, environment = profile_environment(None, os.environ)
    names = [name for field in ChassisSettings.model_fields for name in (variable(field), variable(field, service))]
    known = {name: environment[name] for name in names if name in environment}
    return load_settings(ChassisSettings, service, known).model_copy(update={"data": data})


@contextmanager
def _shown() -> Iterator[Show]:
    """Yield what moves one bar for each kind of work."""
    with progress_bar() as bar:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                kind, _, service = what.partition(" ")
                tasks[what] = bar.add_task(" ".join([t(f"backup_of.{kind}"), service]).strip(), total=None, note="")
            bar.update(tasks[what], completed=done, total=max(total, 1) if total else 1)
            if not total:
                bar.update(tasks[what], completed=1)

        yield show


def _print(key: str, folder: Path, manifest: Manifest, *, json: bool) -> None:
    said = summary(manifest)
    if json:
        output.print(orjson.dumps({"folder": str(folder), **said}).decode(), markup=False, emoji=False)
        return
    words = t(f"backup_end.{key}").format(
        folder=folder,
        documents=said["documents"],
        events=said["events"],
        blobs=said["blobs"],
        size=said["size_bytes"] / MIB,
        time=_local(said["created_time"]),
        expire=_local(said["expire_time"]),
    )
    people.print(words, markup=False, soft_wrap=True)


def summary(manifest: Manifest) -> dict[str, Any]:
    """Return what a backup amounts to."""
    return {
        "version": manifest.version,
        "profile": manifest.profile,
        "created_time": manifest.created_time,
        "expire_time": manifest.expire_time,
        "documents": manifest.documents,
        "events": manifest.events,
        "blobs": len(manifest.blobs),
        "size_bytes": manifest.size_bytes,
        "services": _services(manifest),
    }


def _services(manifest: Manifest) -> Sequence[dict[str, Any]]:
    return [
        {
            "service": each.service,
            "snapshot_time": each.snapshot_time,
            "documents": sum(each.collections.values()),
            "logs": {log.name: list(log.seqs) for log in each.logs},
        }
        for each in manifest.services
    ]


def _local(time: str) -> str:
    return datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")

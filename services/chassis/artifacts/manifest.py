"""Which blobs are in force: one manifest document per name, promoted by compare and set, with a history for roll back.

Garbage collection removes blobs that nothing names. It races with promotions, so the two follow one protocol: a
promotion first writes its blobs into the document as a candidate, then checks them, then promotes; a collection first
marks a blob, then looks again whether anything names it, then deletes. Whichever comes second sees the other.
"""

import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.chassis.artifacts.port import ArtifactStore, BlobMissingError
from services.chassis.clock import Clock
from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    KeyTakenError,
    RevisionMismatchError,
)
from services.chassis.errors import ErrorKind, ZhikeError
from services.chassis.eventlog.record import micros_from_time, time_from_micros

HISTORY_LIMIT = 8  # versions that can be rolled back to; their blobs are kept
BLOBS_LIMIT = 64  # in one manifest
CANDIDATE_GRACE = timedelta(hours=1)  # a candidate older than this belongs to a promotion that died
DELETING_GRACE = timedelta(hours=1)  # a deletion that takes longer died half-way
UNNAMED_GRACE = timedelta(hours=1)  # a blob is written before it is named; training and uploads take less
SCAN_PAGE = 500

Named = Callable[[], Awaitable[frozenset[str]]]

MANIFESTS = Collection("artifact_manifests")
MARKS = Collection("artifact_marks")


class ManifestConflictError(ZhikeError):
    """Another promotion came first; read the manifest again and decide again."""

    kind = ErrorKind.ABORTED
    reason = "MANIFEST_CONFLICT"


class ManifestVersionMissingError(ZhikeError):
    """The version to roll back to is not, or no longer, in the history."""

    kind = ErrorKind.NOT_FOUND
    reason = "MANIFEST_VERSION_MISSING"


@dataclass(frozen=True, slots=True)
class Manifest:
    """A promoted set of blobs. ``version`` counts promotions from 1; ``metadata`` is the promoter's own JSON."""

    name: str
    version: int
    blobs: Mapping[str, str]  # role -> digest
    promoted_time: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)


class Manifests:
    """The manifests of one service over its documents and blobs."""

    def __init__(self, documents: DocumentStore, artifacts: ArtifactStore, clock: Clock) -> None:
        self._documents, self._artifacts, self._clock = documents, artifacts, clock

    async def open(self) -> None:
        """Declare the collections; before anything else."""
        await self._documents.declare(MANIFESTS, MARKS)

    async def current(self, name: str) -> Manifest | None:
        """Return what is in force under ``name``, None before the first promotion."""
        document = await self._documents.get(MANIFESTS, name)
        versions = [] if document is None else document.body["versions"]
        return _manifest(name, versions[0]) if versions else None

    async def history(self, name: str) -> tuple[Manifest, ...]:
        """Return the versions that are kept, the one in force first."""
        document = await self._documents.get(MANIFESTS, name)
        return () if document is None else tuple(_manifest(name, each) for each in document.body["versions"])

    async def promote(
        self,
        name: str,
        blobs: Mapping[str, str],
        *,
        expected_version: int,
        metadata: Mapping[str, Any] | None = None,
    ) -> Manifest:
        """Put ``blobs`` in force; ``expected_version`` is the version that the decision saw, 0 for none.

        Raises ManifestConflictError, BlobMissingError (a blob was never stored, or was collected: store again).
        """
        if not 1 <= len(blobs) <= BLOBS_LIMIT:
            raise ValueError(f"a manifest names 1 to {BLOBS_LIMIT} blobs")
        digests = sorted(set(blobs.values()))
        await self._change(name, lambda body: self._with_candidate(name, body, expected_version, digests))
        try:
            await self._check_kept(digests)
        except BlobMissingError:
            await self._change(name, lambda body: _without_candidate(body, digests))
            raise
        kept = {"blobs": dict(blobs), "metadata": dict(metadata or {})}
        body = await self._change(name, lambda body: self._promoted(name, body, expected_version, kept))
        return _manifest(name, body["versions"][0])

    async def roll_back(self, name: str, *, to_version: int, expected_version: int) -> Manifest:
        """Promote what was in force as ``to_version`` again, as a new version. Raises ManifestVersionMissingError."""
        for manifest in await self.history(name):
            if manifest.version == to_version:
                metadata = {**manifest.metadata, "rolled_back_to": to_version}
                return await self.promote(name, manifest.blobs, expected_version=expected_version, metadata=metadata)
        raise ManifestVersionMissingError(f"{name} keeps no version {to_version}", name=name, version=to_version)

    async def forget_history(self, name: str) -> int:
        """Drop every version but the one in force, and delete what they alone named at once; return how many blobs.

        For an erasure: what held the erased must not wait for the collection of garbage, nor be rolled back to.
        """
        before = await self.history(name)
        if len(before) > 1:
            await self._change(name, lambda body: {**body, "versions": body["versions"][:1]})
        kept = await self._named(None)
        old = {digest for manifest in before[1:] for digest in manifest.blobs.values()} - kept
        return sum([await self._artifacts.delete(digest) for digest in sorted(old)])

    async def collect_garbage(self, also_named: Named | None = None) -> tuple[str, ...]:
        """Delete blobs that nothing has named for UNNAMED_GRACE; return their digests.

        ``also_named`` answers blobs that something other than a manifest needs. Two collections at once are harmless.
        """
        deleted = []
        named = await self._named(also_named)
        after: str | None = None
        while blobs := await self._artifacts.list(after=after, limit=SCAN_PAGE):
            after = blobs[-1].digest
            marks = await self._documents.get_many(MARKS, [blob.digest for blob in blobs])
            for blob in blobs:
                mark = marks.get(blob.digest)
                with contextlib.suppress(RevisionMismatchError, KeyTakenError):  # another collection is at it
                    if blob.digest in named:
                        await self._unmark(mark)
                    elif mark is None:
                        await self._documents.insert(MARKS, blob.digest, self._mark_body())
                    elif self._is_due(mark) and await self._delete(mark, also_named):
                        deleted.append(blob.digest)
        return tuple(deleted)

    def _mark_body(self) -> dict[str, Any]:
        return {"unnamed_time_us": micros_from_time(self._clock.now()), "deleting_time_us": None}

    def _is_due(self, mark: Document) -> bool:
        """Tell whether a blob was unnamed for long enough, and no other collection deletes it just now."""
        unnamed_for = self._clock.now() - time_from_micros(mark.body["unnamed_time_us"])
        return unnamed_for >= UNNAMED_GRACE and not self._is_deleting(mark)

    def _is_deleting(self, mark: Document) -> bool:
        deleting_time_us = mark.body["deleting_time_us"]
        return deleting_time_us is not None and self._clock.now() - time_from_micros(deleting_time_us) < DELETING_GRACE

    async def _unmark(self, mark: Document | None) -> None:
        """Take the mark off a blob that is named again, unless somebody may be about to delete it."""
        if mark is not None and not self._is_deleting(mark):
            await self._documents.delete(MARKS, mark.key, expected_revision=mark.revision)

    async def _delete(self, mark: Document, also_named: Named | None) -> bool:
        deleting = {**mark.body, "deleting_time_us": micros_from_time(self._clock.now())}
        marked = await self._documents.replace(MARKS, mark.key, deleting, expected_revision=mark.revision)
        rescued = mark.key in await self._named(also_named)
        if not rescued:
            await self._artifacts.delete(mark.key)
        await self._documents.delete(MARKS, mark.key, expected_revision=marked.revision)
        return not rescued

    async def _check_kept(self, digests: Sequence[str]) -> None:
        """Raise BlobMissingError for a blob that is absent or being deleted; the mark first, for it goes last."""
        marks = await self._documents.get_many(MARKS, digests)
        for digest in digests:
            deleting = digest in marks and marks[digest].body["deleting_time_us"] is not None
            if deleting or not await self._artifacts.exists(digest):
                raise BlobMissingError(f"blob {digest} is not stored", digest=digest)

    async def _named(self, also_named: Named | None) -> frozenset[str]:
        named: set[str] = set() if also_named is None else set(await also_named())
        oldest_us = micros_from_time(self._clock.now() - CANDIDATE_GRACE)
        after: str | None = None
        while True:
            page = await self._documents.scan(MANIFESTS, after=after, limit=SCAN_PAGE)
            for document in page.documents:
                for version in document.body["versions"]:
                    named.update(version["blobs"].values())
                for candidate in document.body["candidates"]:
                    if candidate["time_us"] >= oldest_us:
                        named.update(candidate["digests"])
            if page.next_after is None:
                return frozenset(named)
            after = page.next_after

    def _with_candidate(
        self, name: str, body: dict[str, Any], expected_version: int, digests: list[str]
    ) -> dict[str, Any]:
        _check_version(name, body, expected_version)
        now_us = micros_from_time(self._clock.now())
        oldest_us = micros_from_time(self._clock.now() - CANDIDATE_GRACE)
        live = [each for each in body["candidates"] if each["time_us"] >= oldest_us and each["digests"] != digests]
        return {**body, "candidates": [*live, {"time_us": now_us, "digests": digests}]}

    def _promoted(self, name: str, body: dict[str, Any], expected_version: int, kept: dict[str, Any]) -> dict[str, Any]:
        _check_version(name, body, expected_version)
        promoted_time_us = micros_from_time(self._clock.now())
        version = {**kept, "version": expected_version + 1, "promoted_time_us": promoted_time_us}
        rest = _without_candidate(body, sorted(set(kept["blobs"].values())))
        return {**rest, "versions": [version, *body["versions"]][:HISTORY_LIMIT]}

    async def _change(self, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Compare and set. A loser looks again: the version check inside ``change`` tells whether it still may."""
        while True:
            document = await self._documents.get(MANIFESTS, name)
            try:
                if document is None:
                    body = change({"versions": [], "candidates": []})
                    await self._documents.insert(MANIFESTS, name, body)
                else:
                    body = change(document.body)
                    await self._documents.replace(MANIFESTS, name, body, expected_revision=document.revision)
            except (RevisionMismatchError, KeyTakenError):
                continue
            return body


def _check_version(name: str, body: Mapping[str, Any], expected_version: int) -> None:
    versions = body["versions"]
    actual = versions[0]["version"] if versions else 0
    if actual != expected_version:
        raise ManifestConflictError(
            f"{name} stands at version {actual}, not {expected_version}", name=name, version=actual
        )


def _without_candidate(body: dict[str, Any], digests: list[str]) -> dict[str, Any]:
    return {**body, "candidates": [each for each in body["candidates"] if each["digests"] != digests]}


def _manifest(name: str, version: Mapping[str, Any]) -> Manifest:
    return Manifest(
        name=name,
        version=version["version"],
        blobs=version["blobs"],
        promoted_time=time_from_micros(version["promoted_time_us"]),
        metadata=version["metadata"],
    )

"""Redrives dead letters: what an operator asks of the service whose readers set events aside (rule 9).

The letter belongs to the reader, the number to the log's owner. So the reading service takes the wish as an operation
of its own; in the background, never inside a request, it asks the owner to append the event again, and then watches its
own letter until its own reader has applied the redrive or set it aside anew.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Protocol

from services.chassis.documents.port import PAGE_LIMIT
from services.chassis.errors import InvalidArgumentError, NotFoundError, ZhikeError
from services.chassis.eventlog.backoff import Backoff, is_passing
from services.chassis.eventlog.dead_letters import DeadLetter, LetterBox, LetterState, in_log_order
from services.chassis.logs import get_log
from services.chassis.operation_run import OperationRun, RowError

REDRIVE_KIND = "redrive"
IDS_LIMIT = 100  # letters named one by one in a request
ID_LIMIT = 64  # characters; an event's key has 32
OWNER_AWAY = Backoff(first_s=0.1, limit_s=5.0)
LOOK = Backoff(first_s=0.02, limit_s=0.5)  # at a letter whose redrive is on its way
APPLIED_KIND = "applied"
WAIT_LIMIT_S = 60.0  # without any progress: for an owner that is away, for a reader that does not get there
FORGOTTEN = "DEAD_LETTER_FORGOTTEN"  # a rebuild was promoted meanwhile: the new generation has letters of its own
ON_ITS_WAY = "REDRIVE_ON_ITS_WAY"  # appended; the reader has not come to it

log = get_log("redriving")


class LetterReader(Protocol):
    """A reader, as the office knows it."""

    @property
    def projection_name(self) -> str:
        """The name that an operator knows, whichever generation is in force."""

    @property
    def letters(self) -> LetterBox:
        """Its dead letters, of the generation in force."""


@dataclass(frozen=True, slots=True)
class ListedLetter:
    """A letter as an operator sees it. ``owner``: the service of its log, "" for this one."""

    projection: str
    owner: str
    letter: DeadLetter


class LetterOffice:
    """The dead letters of all readers of one process."""

    def __init__(
        self,
        readers: Callable[[], Sequence[LetterReader]],
        *,
        rng: Random | None = None,
        wait_limit_s: float = WAIT_LIMIT_S,
    ) -> None:
        self._readers = readers
        self._rng = rng or Random()
        self._wait_limit_s = wait_limit_s

    async def page(
        self, projection: str, position: Sequence[str] | None, limit: int
    ) -> tuple[tuple[ListedLetter, ...], tuple[str, str] | None]:
        """Return waiting letters of one projection or ("") of all, and where the next page begins.

        Raises NotFoundError for a projection that no reader feeds.
        """
        names = [projection] if projection else list(self._boxes())
        name, after = (names[0] if names else "", None) if position is None else (position[0], position[1] or None)
        found: list[ListedLetter] = []
        while name in names:
            boxes = self._boxes_of(name)
            box = next(iter(boxes.values()))
            await box.letters.declare()
            letters, after = await box.letters.open_letters(box.projection, after=after, limit=limit - len(found))
            found += [ListedLetter(name, boxes[each.log].source.owner, each) for each in letters if each.log in boxes]
            if after is None:
                name = (names[names.index(name) + 1 :] or [""])[0]
            if len(found) == limit or not name:
                break
        return tuple(found), (name, after or "") if name in names else None

    async def check(self, projection: str, ids: Sequence[str]) -> None:
        """Raise NotFoundError for an unknown projection or letter, InvalidArgumentError for too many."""
        if len(ids) > IDS_LIMIT:
            raise InvalidArgumentError(f"name at most {IDS_LIMIT} dead letters, or none for all", field="ids")
        self._boxes_of(projection)
        for each in ids:
            await self._letter(projection, each)

    async def redrive(self, run: OperationRun) -> None:
        """Redrive the letters that the operation names, or all that wait: the worker of REDRIVE_KIND.

        Safe to run again: a round that was asked for is not asked for again, and a letter that this operation redrove
        and that was set aside anew is not redriven a second time. Raises what the owner of a log says that stays away;
        what was not redriven by then stays a dead letter.
        """
        projection, patience = run.arguments["projection"], _Patience(self._wait_limit_s)
        async for letters in self._chosen(projection, run.arguments["ids"]):
            run.progress.rows += len(letters)
            for letter in in_log_order(letters):
                await self._redrive(self._box(projection, letter.log), letter, run, patience)
                await run.report()

    async def _chosen(self, projection: str, ids: Sequence[str]) -> AsyncIterator[list[DeadLetter]]:
        if ids:
            yield [await self._letter(projection, each) for each in dict.fromkeys(ids)]
            return
        boxes = self._boxes_of(projection)
        box = next(iter(boxes.values()))
        await box.letters.declare()
        after: str | None = None
        while True:
            letters, after = await box.letters.open_letters(box.projection, after=after, limit=PAGE_LIMIT)
            yield [each for each in letters if each.log in boxes]
            if after is None:
                return

    async def _redrive(self, box: LetterBox, letter: DeadLetter, run: OperationRun, patience: "_Patience") -> None:
        asked = await box.letters.ask(letter, run.id)
        if asked is None:
            _reject(run, letter, FORGOTTEN)
            return
        own = asked.asked_by == run.id
        if asked.state is LetterState.APPLIED and not own:
            run.progress.duplicate += 1
            return
        wanted = asked.asked_round if own else asked.round
        if asked.state is LetterState.OPEN and asked.round == wanted:
            try:
                await self._ask_owner(box, asked, patience)
            except ZhikeError as error:  # the log has no such event, or its owner refuses
                if is_passing(error):
                    raise
                _reject(run, letter, error.reason)
                return
        ended = await self._ended(box, asked, wanted, patience)
        if ended is None:
            _reject(run, letter, FORGOTTEN)
        elif ended.round > wanted:
            _reject(run, ended, ended.reason)
        elif ended.state is LetterState.APPLIED:
            run.progress.accept(APPLIED_KIND)
        else:
            _reject(run, ended, ON_ITS_WAY)

    async def _ask_owner(self, box: LetterBox, letter: DeadLetter, patience: "_Patience") -> None:
        attempt = 0
        while True:
            try:
                verdict = await box.redrive(letter)
            except ZhikeError as error:
                if not is_passing(error) or patience.is_over():
                    raise
                log.warning("log's owner away, asking again", log=letter.log, reason=error.reason, attempt=attempt)
                await asyncio.sleep(OWNER_AWAY.wait_s(attempt, self._rng))
                attempt += 1
            else:
                if attempt:
                    patience.renew()  # the reader has its own time; a reader that stands still renews nothing
                log.info(
                    "dead letter redriven",
                    projection=letter.projection,
                    log=letter.log,
                    place=f"{letter.partition}/{letter.seq}",
                    redrive=f"{verdict.partition}/{verdict.seq}",
                )
                return

    async def _ended(self, box: LetterBox, letter: DeadLetter, wanted: int, patience: "_Patience") -> DeadLetter | None:
        """Return the letter once the round is over: applied, or set aside anew; None when a rebuild forgot it.

        A reader that gets nowhere is not waited for; the letter then stands where it stood.
        """
        attempt = 0
        while True:
            now = await box.letters.get(letter.projection, letter.key)
            if now is None or now.round > wanted or now.state is LetterState.APPLIED:
                patience.renew()
                return now
            if patience.is_over():
                return now
            await asyncio.sleep(LOOK.wait_s(attempt, self._rng))
            attempt += 1

    async def _letter(self, projection: str, event_key: str) -> DeadLetter:
        for box in self._boxes_of(projection).values():
            letter = await box.get(event_key) if 0 < len(event_key) <= ID_LIMIT else None
            if letter is not None:
                return letter
        raise NotFoundError(f"{projection} never set this event aside", resource="dead letter", id=event_key[:ID_LIMIT])

    def _box(self, projection: str, log_name: str) -> LetterBox:
        return self._boxes_of(projection)[log_name]

    def _boxes_of(self, projection: str) -> dict[str, LetterBox]:
        boxes = self._boxes()
        if projection not in boxes:
            known = ", ".join(sorted(boxes)) or "none"
            raise NotFoundError(
                f"no reader here feeds a projection of this name; there are: {known}",
                resource="projection",
                id=projection[:ID_LIMIT],
            )
        return boxes[projection]

    def _boxes(self) -> dict[str, dict[str, LetterBox]]:
        """Return the boxes by projection and log: a projection over several logs keeps its letters together."""
        boxes: dict[str, dict[str, LetterBox]] = {}
        for reader in self._readers():
            box = reader.letters
            boxes.setdefault(reader.projection_name, {})[box.source.name] = box
        return boxes


class _Patience:
    """Ends when nothing has moved for ``limit_s``."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self.renew()

    def renew(self) -> None:
        """Something moved."""
        self._end = asyncio.get_running_loop().time() + self._limit_s

    def is_over(self) -> bool:
        """Tell whether nothing moved for too long."""
        return asyncio.get_running_loop().time() >= self._end


def _reject(run: OperationRun, letter: DeadLetter, reason: str) -> None:
    row = run.progress.accepted + run.progress.duplicate + run.progress.rejected + 1
    message = f"{letter.type} at {letter.log} {letter.partition}/{letter.seq} stays a dead letter"
    run.reject(RowError(row, reason, message, field=letter.key), {"id": letter.key, "projection": letter.projection})

"""Which erasures a restored backup must go through again, and as what: decided before anybody serves from it.

A backup holds the persons who were erased after it was taken. Their receipts, where they are known, are begun again
with the names that the backup has of them. A receipt keeps its id, so who asked finds it where it was.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace

from services.chassis.erasure.subjects import EVERY_LOG
from services.knowledge.domain.erasure import ErasureState
from services.knowledge.domain.identifiers import is_customer_id, own_customer_id
from services.knowledge.store.erasures import ROUND_LIMIT, Erasure, ErasureStore
from services.knowledge.usecases.erasing import ROUND_IDENTIFIERS_LIMIT


@dataclass(frozen=True, slots=True)
class Receipts:
    """All that is known: those of the backup, those of the data that it replaces. ``since_us``: when it was begun."""

    in_backup: Mapping[str, Erasure]
    replaced: Mapping[str, Erasure]
    since_us: int

    def all(self) -> dict[str, Erasure]:
        """Return every receipt as it last stood."""
        return {**self.in_backup, **self.replaced}

    def to_repeat(self) -> list[Erasure]:
        """Return those whose persons the backup may hold, oldest first."""
        found = [each for each in self.all().values() if self._may_be_held(each)]
        return sorted(found, key=lambda each: (each.request_us, each.id))

    def _may_be_held(self, erasure: Erasure) -> bool:
        before = self.in_backup.get(erasure.id)
        if erasure.state is not ErasureState.DONE or before is None or before.state is not ErasureState.DONE:
            return True
        return erasure.done_us is None or erasure.done_us >= self.since_us


async def begin_again(
    receipts: Receipts, names: Mapping[str, Set[str]], store: ErasureStore, new_id: Callable[[], str]
) -> list[str]:
    """Store every receipt, those to be repeated as intents; return the ids of these. ``names``: found, by receipt.

    Who is not found in the backup was not in it: that receipt stays as it is.
    """
    begun: list[Erasure] = []
    for erasure in receipts.to_repeat():
        texts = names.get(erasure.id, frozenset())
        if erasure.state is ErasureState.REQUESTED or not (texts or erasure.identifiers):
            continue
        begun.append(_again(erasure, texts))
    again = {each.id: each for each in _in_rounds(begun, new_id)}
    for erasure in receipts.all().values():
        await store.put(again.get(erasure.id, erasure))
    return [each.id for each in receipts.all().values() if each.id in again or each.state is ErasureState.REQUESTED]


def _in_rounds(begun: Iterable[Erasure], new_id: Callable[[], str]) -> Iterator[Erasure]:
    """Give each its round, as many to one as a call can carry."""
    round_id, persons, names = "", 0, 0
    for erasure in begun:
        persons, names = persons + 1, names + len(erasure.identifiers)
        if not round_id or persons > ROUND_LIMIT or names > ROUND_IDENTIFIERS_LIMIT:
            round_id, persons, names = new_id(), 1, len(erasure.identifiers)
        yield replace(erasure, round_id=round_id)


def _again(erasure: Erasure, texts: Iterable[str]) -> Erasure:
    """Return the receipt as an intent whose names are known, nothing of it done yet."""
    known = {*erasure.identifiers, *texts}
    # Who was joined to whom is known better by the receipt than by the backup: no closure is looked for again.
    identifiers = tuple(sorted(each for each in known if not is_customer_id(each) and ":" in each))
    others = {each for each in known if each not in identifiers and not _is_bare(each, known)}
    ids = {*erasure.customer_ids, *map(own_customer_id, identifiers), *others}
    return replace(
        erasure,
        state=ErasureState.LOGS,
        identifiers=identifiers,
        customer_ids=tuple(sorted(ids)),
        # The backup's logs may have been rewritten before its copies were: then no walk finds anything to touch.
        touched_logs=(EVERY_LOG,),
        services={},
        done_us=None,
        proof="",
    )


def _is_bare(text: str, known: Set[str]) -> bool:
    return f"phone:{text}" in known or f"email:{text}" in known

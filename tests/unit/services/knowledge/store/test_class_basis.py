"""The basis and the members of classes, stored."""

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.knowledge.domain.classes import Figures, class_basis
from services.knowledge.store import class_basis as store
from services.knowledge.store.class_basis import ClassStore


@pytest.fixture
async def classes() -> ClassStore:
    made = ClassStore(MemoryDocuments())
    await made.declare()
    return made


async def test_before_the_first_basis_there_is_none(classes: ClassStore) -> None:
    assert await classes.basis() is None
    assert await classes.basis_head() == ()
    assert await classes.members_after("A", "", 10) == []


async def test_a_basis_is_read_as_it_was_saved(classes: ClassStore) -> None:
    figures = [Figures("CNY", spend, 6, spend, 10, {"discount": 3}) for spend in (5, 50, 500)]
    basis = class_basis(figures, 9)
    await classes.save(basis, {}, [3, 4])
    assert await classes.basis() == basis
    assert await classes.basis_head() == (3, 4)


async def test_members_are_paged_over_chunks_and_an_old_chunk_goes(
    classes: ClassStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "CHUNK_CUSTOMERS", 3)
    ids = [f"c-{number:020d}" for number in range(10)]
    basis = class_basis([], 1)
    await classes.save(basis, {"A": ids}, [1])
    assert await classes.members_after("A", "", 4) == ids[:4]
    assert await classes.members_after("A", ids[3], 100) == ids[4:]
    await classes.save(basis, {"A": ids[:2], "C": ids[2:]}, [2])
    assert await classes.members_after("A", "", 100) == ids[:2]
    assert await classes.members_after("C", "", 100) == ids[2:]

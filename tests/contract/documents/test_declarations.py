"""Collections come into being by declaration, stay as declared, and go by drop."""

from pathlib import Path

import pytest

from services.chassis.documents.port import Collection, DeclarationError, DocumentStore, Index, KeyTakenError
from tests.contract.conftest import DocumentsAdapter

A = Collection("a", (Index("by_x", ("x",)),))
B = Collection("b")


async def test_declaring_twice_changes_nothing(documents: DocumentStore) -> None:
    await documents.declare(A, B)
    await documents.insert(A, "k", {"x": 1})
    await documents.declare(A, B)
    await documents.declare(Collection("a", (Index("by_x", ("x",)),)))
    assert await documents.count(A) == 1


@pytest.mark.parametrize(
    "other",
    [
        Collection("a"),
        Collection("a", (Index("by_x", ("y",)),)),
        Collection("a", (Index("by_x", ("x", "y")),)),
        Collection("a", (Index("by_x", ("x",), unique=True),)),
        Collection("a", (Index("by_z", ("x",)),)),
        Collection("a", (Index("by_x", ("x",)), Index("by_y", ("y",)))),
    ],
)
async def test_another_declaration_of_a_stored_collection_is_refused_by_name(
    documents: DocumentStore, other: Collection
) -> None:
    await documents.declare(A)
    await documents.insert(A, "k", {"x": 1})
    with pytest.raises(DeclarationError, match="collection a is stored with other indexes"):
        await documents.declare(B, other)
    with pytest.raises(DeclarationError):
        await documents.get(other, "k")
    assert len((await documents.find(A, "by_x", {"x": 1})).documents) == 1


async def test_an_undeclared_collection_is_refused(documents: DocumentStore) -> None:
    for attempt in (
        documents.get(A, "k"),
        documents.insert(A, "k", {}),
        documents.insert_many(A, [("k", {})]),
        documents.replace(A, "k", {}, expected_revision=1),
        documents.delete(A, "k"),
        documents.find(A, "by_x", {}),
        documents.scan(A),
        documents.count(A),
        documents.get_many(A, ["k"]),
    ):
        with pytest.raises(DeclarationError, match="collection a is not declared"):
            await attempt


@pytest.mark.parametrize(
    "broken",
    [
        Collection(""),
        Collection("c", (Index("i", ()),)),
        Collection("c", (Index("i", ("x", "x")),)),
        Collection("c", (Index("i", ("x",)), Index("i", ("y",)))),
        Collection("c", (Index("i", ("x",)), Index("j", ("x",)))),
        Collection("c", (Index("key", ("x",)),)),
        Collection("c", (Index("i", ("x..y",)),)),
        Collection("c", (Index("i", ("",)),)),
    ],
)
async def test_a_declaration_that_means_nothing_is_refused(documents: DocumentStore, broken: Collection) -> None:
    with pytest.raises(DeclarationError):
        await documents.declare(broken)


async def test_any_text_names_a_collection(documents: DocumentStore) -> None:
    names = ["客户", "a b", 'x"y', "x';--", "user-events~g2", "sqlite_master", "collections", "A", "a"]
    collections = [Collection(name, (Index(f"by {name}", (f"field {name}",)),)) for name in names]
    await documents.declare(*collections)
    for collection in collections:
        await documents.insert(collection, "k", {f"field {collection.name}": collection.name})
    for collection in collections:
        page = await documents.find(collection, f"by {collection.name}", {f"field {collection.name}": collection.name})
        assert [document.body[f"field {collection.name}"] for document in page.documents] == [collection.name]


async def test_collections_share_nothing(documents: DocumentStore) -> None:
    other = Collection("other", (Index("by_x", ("x",), unique=True),))
    await documents.declare(A, other)
    await documents.insert(A, "k", {"x": 1})
    await documents.insert(other, "k", {"x": 1})
    await documents.delete(A, "k")
    assert await documents.count(other) == 1


async def test_a_dropped_collection_is_gone_until_it_is_declared_again_and_then_empty(documents: DocumentStore) -> None:
    await documents.declare(A, B)
    await documents.insert(A, "k", {"x": 1})
    await documents.insert(B, "k", {})
    await documents.drop(A)
    with pytest.raises(DeclarationError):
        await documents.get(A, "k")
    await documents.drop(A)
    changed = Collection("a", (Index("by_x", ("x",), unique=True),))
    await documents.declare(changed)
    assert await documents.count(changed) == 0
    await documents.insert(changed, "k", {"x": 1})
    with pytest.raises(KeyTakenError):
        await documents.insert(changed, "k2", {"x": 1})
    assert await documents.count(B) == 1


async def test_dropping_what_was_never_declared_is_silent(documents: DocumentStore) -> None:
    await documents.drop(A)


async def test_a_store_opened_again_has_its_documents_and_its_declarations(
    durable_documents_adapter: DocumentsAdapter, tmp_path: Path
) -> None:
    unique = Collection("u", (Index("by_x", ("p.x",), unique=True), Index("by_yx", ("y", "p.x"))))
    store = durable_documents_adapter.open(tmp_path)
    await store.declare(A, B, unique)
    await store.insert_many(unique, [("k1", {"p": {"x": 1}, "y": "城"}), ("k2", {"p": {"x": 2}, "y": "城"})])
    await store.replace(unique, "k2", {"p": {"x": 3}, "y": "城"}, expected_revision=1)
    await store.drop(B)
    await store.close()

    store = durable_documents_adapter.open(tmp_path)
    with pytest.raises(DeclarationError):
        await store.get(unique, "k1")
    with pytest.raises(DeclarationError, match="collection u is stored with other indexes"):
        await store.declare(Collection("u"))
    await store.declare(unique, A)
    document = await store.get(unique, "k2")
    assert document is not None
    assert (document.body["p"], document.revision) == ({"x": 3}, 2)
    page = await store.find(unique, "by_yx", {"y": "城"})
    assert [document.key for document in page.documents] == ["k1", "k2"]
    with pytest.raises(KeyTakenError):
        await store.insert(unique, "k3", {"p": {"x": 3}})
    await store.close()


async def test_a_dropped_collection_is_still_gone_after_opening_again(
    durable_documents_adapter: DocumentsAdapter, tmp_path: Path
) -> None:
    store = durable_documents_adapter.open(tmp_path)
    await store.declare(A)
    await store.insert(A, "k", {"x": 1})
    await store.close()
    store = durable_documents_adapter.open(tmp_path)
    await store.drop(A)
    await store.close()
    store = durable_documents_adapter.open(tmp_path)
    await store.declare(A)
    assert await store.count(A) == 0
    await store.close()


async def test_all_that_stands_is_listed_by_name_and_what_was_dropped_is_not(documents: DocumentStore) -> None:
    first, second = Collection("b things", (Index("by_town", ("town",)),)), Collection("a")
    await documents.declare(first, second)
    assert await documents.collections() == (second, first)
    await documents.drop(second)
    assert await documents.collections() == (first,)

"""Names behind keyed hashes are found wherever a store holds them; refused names of two stores are brought together."""

from services.chassis.backup.refused_names import NAME_LIMIT, NameFinder, Refused, read_refused, refuse_also
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import BATCH_LIMIT, Collection
from services.chassis.erasure.subjects import KEY_BYTES, keyed_hash

KEY, OTHER = (bytes([number]) * KEY_BYTES for number in (1, 2))
NOTES = Collection("notes")


def refused(*names: str, key: bytes = KEY, erasure: str = "r") -> Refused:
    documents = {keyed_hash(key, name): {"erasure": erasure, "time_us": 1} for name in names}
    return Refused("knowledge", key.hex(), documents)


async def test_keys_fields_lists_and_longer_texts_are_searched() -> None:
    documents = MemoryDocuments()
    await documents.declare(NOTES)
    await documents.insert(NOTES, "card:1", {"login:anna": [{"who": "say email:a@b.c here"}, ["visitor:v"]]})
    await documents.insert(NOTES, "n", {"long": "x" * (NAME_LIMIT + 1), "other": "card:2", "number": 3, "none": None})
    wanted = refused("card:1", "login:anna", "email:a@b.c", "visitor:v", "card:9")
    finder = NameFinder([(wanted.key, wanted.of_erasures(frozenset({"r"})))])
    await finder.search(documents)
    assert finder.found == {"r": {"card:1", "login:anna", "email:a@b.c", "visitor:v"}}


def test_a_bare_number_stands_for_the_identifier_and_others_receipts_are_left_alone() -> None:
    wanted = refused("phone:+861", "+861")
    finder = NameFinder([(wanted.key, wanted.of_erasures(frozenset({"r"}))), (OTHER.hex(), {})])
    finder.look_at({"who": "+861"})
    assert finder.found == {"r": {"phone:+861", "+861"}}
    assert wanted.of_erasures(frozenset({"another"})) == {}


async def test_refused_names_of_two_stores_are_brought_together_where_the_key_is_one() -> None:
    documents = MemoryDocuments()
    assert await read_refused(documents, "knowledge") is None
    many = refused(*(f"card:{number}" for number in range(BATCH_LIMIT + 5)))
    assert await refuse_also(documents, many), "a store without a key takes the one that is carried"
    assert await refuse_also(documents, refused("card:3", "card:new", "card:4"))
    assert not await refuse_also(documents, refused("card:3", key=OTHER))
    both = await read_refused(documents, "knowledge")
    assert both is not None and len(both.names) == BATCH_LIMIT + 6

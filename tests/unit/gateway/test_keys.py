"""API keys: hashed at rest, two live for rotation, gone at once when revoked."""

import asyncio
from dataclasses import replace

import pytest

from gateway.errors import KeyLimitError, KeyNameTakenError, KeyRevokedError, KeyUnknownError
from gateway.keys import KEYS, REMEMBERED_LIMIT, KeyName, KeyStore
from gateway.principals import Role
from services.chassis.documents.memory import MemoryDocuments
from services.chassis.errors import NotFoundError
from tests.fakes.clock import ManualClock
from tests.fakes.gateway_shop import Shop, problem_of

WEB = KeyName("web", Role.PUBLISHABLE, shop="main", channel="web", owner="web")
BACKEND = KeyName("backend", Role.SHOP, shop="main", channel="", owner="backend")


@pytest.fixture
async def documents() -> MemoryDocuments:
    return MemoryDocuments()


@pytest.fixture
async def store(documents: MemoryDocuments) -> KeyStore:
    opened = KeyStore(documents, ManualClock())
    await opened.open()
    return opened


async def test_a_key_is_known_by_its_text_and_kept_as_a_hash(store: KeyStore, documents: MemoryDocuments) -> None:
    _, text = await store.create(WEB)
    assert text.startswith("pk_web_")
    assert len(text) == len("pk_web_") + 43, "256 bits"
    name, key = await store.verify(text)
    assert (name.principal.role, name.principal.owner, key.number) == (Role.PUBLISHABLE, "web", 1)
    stored = await documents.get(KEYS, "web")
    assert stored is not None
    assert text not in repr(stored.body) and text.rpartition("_")[2] not in repr(stored.body)


async def test_two_keys_of_a_name_live_and_a_third_waits_for_a_revocation(store: KeyStore) -> None:
    first, second = (await store.create(BACKEND))[1], (await store.create(BACKEND))[1]
    with pytest.raises(KeyLimitError, match=r"backend has 2 live keys"):
        await store.create(BACKEND)
    await store.revoke("backend.1")
    third = (await store.create(BACKEND))[1]
    with pytest.raises(KeyRevokedError):
        await store.verify(first)
    assert [(await store.verify(each))[1].number for each in (second, third)] == [2, 3]


async def test_of_keys_that_are_made_at_once_only_two_live(store: KeyStore) -> None:
    results = await asyncio.gather(*(store.create(BACKEND) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(each, KeyLimitError) for each in results) == 3
    assert len((await store.list())[0].live) == 2


@pytest.mark.parametrize("other", [{"role": Role.STAFF}, {"shop": "second"}, {"owner": "x"}, {"channel": "app"}])
async def test_a_further_key_of_a_name_equals_the_first(store: KeyStore, other: dict[str, object]) -> None:
    await store.create(BACKEND)
    with pytest.raises(KeyNameTakenError):
        await store.create(replace(BACKEND, **other))


async def test_an_old_key_is_called_revoked_for_twenty_keys_then_unknown(store: KeyStore) -> None:
    first = (await store.create(BACKEND))[1]
    for number in range(1, REMEMBERED_LIMIT + 1):
        await store.revoke(f"backend.{number}")
        with pytest.raises(KeyRevokedError):
            await store.verify(first)
        await store.create(BACKEND)
    with pytest.raises(KeyUnknownError):
        await store.verify(first)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "pk_",
        "pk_web",
        "pk_web_",
        "pk__x",
        "sk_web_{secret}",
        "pk_backend_{secret}",
        "pk_web_{secret}x",
        "xx_web_{secret}",
    ],
)
async def test_a_wrong_key_is_unknown(store: KeyStore, wrong: str) -> None:
    _, text = await store.create(WEB)
    await store.create(BACKEND)
    with pytest.raises(KeyUnknownError):
        await store.verify(wrong.format(secret=text.removeprefix("pk_web_")))


@pytest.mark.parametrize("key_id", ["web.2", "web.x", "web.²", "nobody.1", "web", "", "../web.1", "店.1"])
async def test_revoking_what_is_not_there_is_a_404(store: KeyStore, key_id: str) -> None:
    await store.create(WEB)
    with pytest.raises(NotFoundError):
        await store.revoke(key_id)


async def test_revoking_twice_changes_nothing(store: KeyStore) -> None:
    await store.create(WEB)
    first = await store.revoke("web.1")
    assert await store.revoke("web.1") == first


async def test_the_operator_makes_lists_and_revokes_keys(shop: Shop) -> None:
    body = {"name": "web-shop", "kind": "secret", "scope": "shop", "shop": "second"}
    made = await shop.post("/v1/keys", json=body)
    assert made.status_code == 201
    assert made.headers["location"] == "/v1/keys/web-shop.1"
    key = made.json()["key"]
    listed = next(
        each for each in (await shop.get("/v1/keys", Role.OPERATOR)).json()["keys"] if each["name"] == "web-shop"
    )
    assert "key" not in listed
    assert (listed["kind"], listed["scope"], listed["shop"], listed["owner"]) == (
        "secret",
        "shop",
        "second",
        "web-shop",
    )
    headers = {"Authorization": f"Bearer {key}"}
    assert (await shop.get("/v1/suggest", None, headers=headers)).status_code == 200
    assert (await shop.send("DELETE", "/v1/keys/web-shop.1", Role.OPERATOR)).status_code == 204
    problem_of(await shop.get("/v1/suggest", None, headers=headers), 401, "KEY_REVOKED")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "web", "kind": "secret"}, "scope"),
        ({"name": "web", "kind": "publishable", "scope": "shop"}, "scope"),
        ({"name": "Web Shop", "kind": "publishable"}, "name"),
        ({"name": "x" * 41, "kind": "publishable"}, "name"),
        ({"name": "店", "kind": "publishable"}, "name"),
        ({"name": "web", "kind": "operator"}, "kind"),
        ({"name": "web", "kind": "secret", "scope": "everything"}, "scope"),
        ({"name": "web", "kind": "publishable", "color": "red"}, "color"),
        ({"kind": "publishable"}, "name"),
    ],
)
async def test_a_key_that_cannot_be_is_refused_by_field(shop: Shop, body: dict[str, str], field: str) -> None:
    problem = problem_of(await shop.post("/v1/keys", json=body), 400, "INVALID_ARGUMENT")
    assert problem["errors"][0]["field"] == field


async def test_a_third_live_key_is_a_409(shop: Shop) -> None:
    for _ in range(2):
        assert (await shop.post("/v1/keys", json={"name": "w", "kind": "publishable"})).status_code == 201
    problem_of(await shop.post("/v1/keys", json={"name": "w", "kind": "publishable"}), 409, "KEY_LIMIT")

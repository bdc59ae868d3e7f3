"""Event intake."""

import orjson
import pytest

from gateway.principals import Role
from tests.fakes.gateway_shop import OTHER_VISITOR, SHOPPER_IDENTIFIERS, VISITOR, Shop, problem_of

EVENT = {"id": "e-1", "type": "home-page-view", "visitor_id": VISITOR}


async def test_a_batch_is_passed_on_byte_for_byte_with_who_writes_it(shop: Shop) -> None:
    body = b'{"events": [ {"id":"\xe5\xa5\xb6","type":"search","visitor_id":"%s"} ]}' % VISITOR.encode()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"Content-Type": "application/json; charset=utf-8", "Traceparent": trace}
    response = await shop.post("/v1/events", Role.PUBLISHABLE, content=body, headers=headers)
    assert response.json()["stored"] == 1
    asked = shop.services.last("WriteUserEvents")
    assert asked.json == body
    assert list(asked.only_identifiers) == [f"visitor:{VISITOR}"]
    assert (asked.owner, asked.default_shop, asked.default_channel) == ("owner-publishable", "main", "web")
    assert (asked.trace, asked.synthetic) == (trace, False)


async def test_a_batch_may_come_in_pieces(shop: Shop) -> None:
    whole = orjson.dumps({"events": [EVENT]})

    async def pieces():
        for at in range(0, len(whole), 7):
            yield whole[at : at + 7]

    response = await shop.post(
        "/v1/events", Role.PUBLISHABLE, content=pieces(), headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 200
    assert shop.services.last("WriteUserEvents").json == whole


@pytest.mark.parametrize(
    ("role", "only"), [(Role.SHOPPER, SHOPPER_IDENTIFIERS), (Role.SHOP, ()), (Role.LOAD, ()), (Role.OPERATOR, ())]
)
async def test_each_principal_writes_for_whom_it_may(shop: Shop, role: Role, only: tuple[str, ...]) -> None:
    await shop.post("/v1/events", role, json={"events": [EVENT]})
    asked = shop.services.last("WriteUserEvents")
    assert tuple(asked.only_identifiers) == only
    assert asked.synthetic is (role is Role.LOAD)


@pytest.mark.parametrize("stranger", [{"visitor_id": OTHER_VISITOR}, {"identifiers": ["login:u1"]}])
async def test_an_event_of_somebody_else_is_rejected_by_itself(shop: Shop, stranger: dict[str, object]) -> None:
    body = {"events": [EVENT, {**EVENT, "id": "e-2", **stranger}]}
    answer = (await shop.post("/v1/events", Role.PUBLISHABLE, json=body)).json()
    assert (answer["stored"], answer["rejected"]) == (1, 1)
    assert answer["verdicts"][1]["error"]["reason"] == "IDENTIFIER_NOT_ALLOWED"


async def test_a_browser_key_without_a_visitor_is_told_what_is_missing(shop: Shop) -> None:
    headers = {"X-Api-Key": shop.keys[Role.PUBLISHABLE]}
    response = await shop.client.post("/v1/events", json={"events": [EVENT]}, headers=headers)
    problem_of(response, 400, "VISITOR_ID_MISSING")


@pytest.mark.parametrize(
    "visitor", ["1", "v-short", "v-" + "x" * 21, "v-" + "x" * 65, "v-" + "x" * 22 + "!", "访客", "x" * 500]
)
async def test_a_malformed_visitor_id_is_refused(shop: Shop, visitor: str) -> None:
    headers = {"X-Api-Key": shop.keys[Role.PUBLISHABLE].encode(), "X-Visitor-Id": visitor.encode()}
    response = await shop.client.post("/v1/events", json={"events": [EVENT]}, headers=headers)
    problem_of(response, 400, "VISITOR_ID_MALFORMED")
    assert not shop.services.asked


@pytest.mark.parametrize("length", [22, 64])
async def test_a_visitor_id_has_22_to_64_characters(shop: Shop, length: int) -> None:
    headers = {"X-Visitor-Id": "v-" + "x" * length}
    assert (await shop.post("/v1/events", Role.PUBLISHABLE, json={"events": []}, headers=headers)).status_code == 200


async def test_malformed_json_is_a_400_of_the_owner(shop: Shop) -> None:
    headers = {"Content-Type": "application/json"}
    for body in (b"{", b"\xff\xfe", b"[1,", b"nul"):
        response = await shop.post("/v1/events", Role.SHOP, content=body, headers=headers)
        problem_of(response, 400, "INVALID_ARGUMENT")
    problem_of(await shop.post("/v1/events", Role.SHOP, json={"events": "no list"}), 400, "INVALID_ARGUMENT")


async def test_an_empty_body_is_no_batch(shop: Shop) -> None:
    headers = {"Content-Type": "application/json"}
    problem_of(await shop.post("/v1/events", Role.SHOP, content=b"", headers=headers), 400, "MALFORMED_JSON")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_another_content_type_is_a_415(shop: Shop, media_type: str) -> None:
    response = await shop.post("/v1/events", Role.SHOP, content=b"{}", headers={"Content-Type": media_type})
    problem_of(response, 415, "UNSUPPORTED_MEDIA_TYPE")


async def test_a_compressed_body_is_a_415(shop: Shop) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    problem_of(await shop.post("/v1/events", Role.SHOP, content=b"x", headers=headers), 415, "UNSUPPORTED_MEDIA_TYPE")

"""Webhook targets, secrets, deliveries and replays, as an operator reaches them."""

import pytest
from zhike.webhooks.v1 import webhook_service_pb2 as pb

from gateway.principals import Role
from tests.fakes.gateway_shop import Shop, problem_of
from tests.fakes.gateway_webhooks import SECRET, TARGET

TARGETS = "/v1/webhooks/orders/targets"
ONE = f"{TARGETS}/{TARGET}"
NEW = {"url": "https://a.example/", "event_types": ["order.delayed"], "owner": "ERP"}


async def test_a_target_is_made_and_its_secret_shown_once(shop: Shop) -> None:
    made = await shop.post(TARGETS, json=NEW)
    assert (made.status_code, made.headers["location"]) == (201, ONE)
    form = made.json()
    assert (form["secret"], form["state"], form["disable_cause"]) == (SECRET, "enabled", "")
    assert form["secrets"] == [{"create_time": "2026-02-02T02:40:00Z", "end_time": None}]
    asked = shop.services.last("CreateTarget")
    assert (asked.url, list(asked.event_types), asked.owner) == (NEW["url"], ["order.delayed"], "ERP")
    for answer in (await shop.get(TARGETS, Role.OPERATOR), await shop.get(ONE, Role.OPERATOR)):
        assert answer.status_code == 200
        assert SECRET not in answer.text


async def test_the_list_tells_what_can_be_listened_to(shop: Shop) -> None:
    listed = (await shop.get(TARGETS, Role.OPERATOR)).json()
    assert listed["event_types"] == ["order.delayed"]
    assert [each["id"] for each in listed["targets"]] == [TARGET]


async def test_a_repeated_request_carries_the_same_id_and_another_service_another(shop: Shop) -> None:
    ids = []
    for path in (TARGETS, TARGETS, TARGETS.replace("orders", "reputation")):
        await shop.post(path, json=NEW, headers={"Idempotency-Key": "k"})
        ids.append(shop.services.last("CreateTarget").request_id)
    assert ids[0] == ids[1] != ids[2]


async def test_a_service_that_sends_none_is_not_found(shop: Shop) -> None:
    for service in ("search", "pricing"):
        problem_of(await shop.get(f"/v1/webhooks/{service}/targets", Role.OPERATOR), 404, "NOT_FOUND")
    assert not shop.services.asked


async def test_an_update_names_what_changes(shop: Shop) -> None:
    answer = await shop.send("PATCH", ONE, Role.OPERATOR, json={"state": "disabled", "event_types": []})
    assert answer.status_code == 200
    asked = shop.services.last("UpdateTarget")
    assert sorted(asked.update_mask.paths) == ["event_types", "state"]
    assert asked.target.state == pb.TARGET_STATE_DISABLED
    await shop.send("PATCH", ONE, Role.OPERATOR, json={"url": "https://b.example/", "owner": "ops"})
    asked = shop.services.last("UpdateTarget")
    assert (asked.target.url, asked.target.owner, sorted(asked.update_mask.paths)) == (
        "https://b.example/",
        "ops",
        ["owner", "url"],
    )


@pytest.mark.parametrize(
    "body", [{}, {"state": "deleted"}, {"url": None}, {"secret": "whsec_mine"}, {"event_types": ["x" * 65]}]
)
async def test_an_update_of_nothing_or_of_what_is_not_the_operators_is_refused(shop: Shop, body: object) -> None:
    problem_of(await shop.send("PATCH", ONE, Role.OPERATOR, json=body), 400, "INVALID_ARGUMENT")
    assert not shop.services.asked


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": ""},
        {"url": "https://a.example/" + "x" * 2_048},
        {**NEW, "event_types": ["order.delayed"] * 33},
        {**NEW, "owner": "x" * 65},
    ],
)
async def test_one_past_a_bound_is_refused_before_a_service_is_asked(shop: Shop, body: object) -> None:
    problem_of(await shop.post(TARGETS, json=body), 400, "INVALID_ARGUMENT")
    assert not shop.services.asked


async def test_a_secret_is_rotated_with_a_day_of_overlap_unless_told_otherwise(shop: Shop) -> None:
    assert (await shop.post(f"{ONE}:rotate-secret", json={})).json()["secret"] == SECRET
    assert shop.services.last("RotateSecret").overlap_s == 86_400
    await shop.post(f"{ONE}:rotate-secret", json={"overlap_s": 0})
    assert shop.services.last("RotateSecret").overlap_s == 0
    problem_of(await shop.post(f"{ONE}:rotate-secret", json={"overlap_s": 604_801}), 400, "INVALID_ARGUMENT")
    problem_of(await shop.post(f"{ONE}:rotate-secret", json={"overlap_s": 7}), 409, "WEBHOOK_SECRET_LIMIT")


async def test_deliveries_are_listed_without_what_was_sent_unless_asked(shop: Shop) -> None:
    page = (await shop.get(f"{ONE}/deliveries", Role.OPERATOR)).json()
    (delivery,) = page["deliveries"]
    assert (page["next_page_token"], delivery["state"], delivery["tries"]) == ("more", "dead", 10)
    assert (delivery["body"], delivery["next_try_time"]) == (None, None)
    assert delivery["attempts"][0] == {
        "start_time": "2026-02-02T02:40:00Z",
        "duration_ms": 20_000,
        "outcome": "timeout",
        "status": 0,
        "response": "ReadTimeout",
    }
    asked = {"state": "waiting", "body": "true", "page_size": "7"}
    with_body = (await shop.get(f"{ONE}/deliveries", Role.OPERATOR, params=asked)).json()
    assert with_body["deliveries"][0]["body"] == {"type": "order.delayed"}
    request = shop.services.last("ListDeliveries")
    assert (request.state, request.with_body, request.page_size) == (pb.DELIVERY_STATE_WAITING, True, 7)
    for wrong in ({"state": "lost"}, {"page_size": "201"}):
        answer = await shop.get(f"{ONE}/deliveries", Role.OPERATOR, params=wrong)
        problem_of(answer, 400, "INVALID_ARGUMENT")


async def test_deliveries_are_replayed_all_or_by_name(shop: Shop) -> None:
    assert (await shop.post(f"{ONE}/deliveries:replay", json={})).json() == {"replayed": 500, "more": True}
    named = await shop.post(f"{ONE}/deliveries:replay", json={"ids": ["msg_1", "msg_2"]})
    assert named.json() == {"replayed": 2, "more": False}
    too_many = {"ids": [f"msg_{number}" for number in range(501)]}
    problem_of(await shop.post(f"{ONE}/deliveries:replay", json=too_many), 400, "INVALID_ARGUMENT")


async def test_a_test_event_is_begun_and_a_target_deleted(shop: Shop) -> None:
    begun = await shop.post(f"{ONE}:test", json={})
    assert (begun.status_code, begun.json()["event_type"]) == (202, "webhook.test")
    deleted = await shop.send("DELETE", ONE, Role.OPERATOR)
    assert (deleted.status_code, deleted.content) == (204, b"")


async def test_an_unknown_target_is_not_found(shop: Shop) -> None:
    for target in ("wht_2", "x" * 65):
        path = f"{TARGETS}/{target}"
        problem_of(await shop.get(path, Role.OPERATOR), 404, "NOT_FOUND")
        problem_of(await shop.post(f"{path}:test", json={}), 404, "NOT_FOUND")
        problem_of(await shop.get(f"{path}/deliveries", Role.OPERATOR), 404, "NOT_FOUND")

"""Staff's accounts and the trail as the operator's command sees them."""

import pytest

from gateway.principals import Role
from gateway.schemas.staff import AuditEntries, AuditEntryForm, NewStaff, StaffForm
from tests.fakes.gateway_shop import Shop, problem_of

LI = {"id": "li.na", "name": "Li Na", "roles": ["desk", "pr"]}


async def test_an_account_is_made_listed_disabled_enabled_and_reset(shop: Shop) -> None:
    answer = await shop.post("/v1/staff", json=LI)
    made = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (201, "/v1/staff/li.na")
    assert set(made) == set(NewStaff.model_fields)
    assert (made["state"], made["roles"]) == ("one-time-password", ["pr", "desk"])
    problem_of(await shop.post("/v1/staff", json=LI), 409, "STAFF_TAKEN")
    listed = (await shop.get("/v1/staff", Role.OPERATOR)).json()["staff"]
    assert [each["id"] for each in listed] == ["li.na"] and set(listed[0]) == set(StaffForm.model_fields)
    assert "password" not in str(listed[0]).replace("one-time-password", "")
    assert (await shop.post("/v1/staff/li.na:disable")).json()["state"] == "disabled"
    assert (await shop.post("/v1/staff/li.na:enable")).json()["state"] == "one-time-password"
    reset = (await shop.post("/v1/staff/li.na:reset")).json()
    assert reset["one_time_password"] != made["one_time_password"]


async def test_the_trail_is_paged_and_filtered(shop: Shop) -> None:
    for name in ("a", "b", "c"):
        await shop.post("/v1/staff", json={**LI, "id": name})
    first = (await shop.get("/v1/audit", Role.OPERATOR, params={"page_size": 2})).json()
    assert set(first) == set(AuditEntries.model_fields)
    assert set(first["entries"][0]) == set(AuditEntryForm.model_fields)
    assert [each["thing_id"] for each in first["entries"]] == ["c", "b"]
    assert first["entries"][0]["request_id"]
    rest = await shop.get("/v1/audit", Role.OPERATOR, params={"page_token": first["next_page_token"]})
    assert [each["thing_id"] for each in rest.json()["entries"]] == ["a"]
    one = await shop.get("/v1/audit", Role.OPERATOR, params={"thing": "staff:b", "actor": "operator"})
    assert len(one.json()["entries"]) == 1


@pytest.mark.parametrize(
    ("path", "body", "status", "reason"),
    [
        ("/v1/staff", {**LI, "roles": []}, 400, "INVALID_ARGUMENT"),
        ("/v1/staff", {**LI, "roles": ["root"]}, 400, "INVALID_ARGUMENT"),
        ("/v1/staff", {**LI, "id": "Li"}, 400, "INVALID_ARGUMENT"),
        ("/v1/staff", {**LI, "name": "\u202eadmin"}, 400, "INVALID_ARGUMENT"),
        ("/v1/staff/nobody:reset", {}, 404, "NOT_FOUND"),
        ("/v1/staff/Not%20a%20name:disable", {}, 404, "NOT_FOUND"),
    ],
)
async def test_bad_requests_are_named(shop: Shop, path: str, body: object, status: int, reason: str) -> None:
    problem_of(await shop.post(path, json=body), status, reason)


async def test_the_last_admin_stays(shop: Shop) -> None:
    await shop.post("/v1/staff", json={**LI, "roles": ["admin"]})
    problem_of(await shop.post("/v1/staff/li.na:disable"), 409, "LAST_ADMIN")


@pytest.mark.parametrize("query", [{"thing": "a:b", "kind": "a"}, {"page_token": "x"}, {"page_size": 201}])
async def test_a_query_that_cannot_be_is_refused(shop: Shop, query: dict[str, str]) -> None:
    assert (await shop.get("/v1/audit", Role.OPERATOR, params=query)).status_code == 400

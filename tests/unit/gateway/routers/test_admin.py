"""Models, rebuilds, and how everything stands."""

from gateway.principals import Role
from gateway.schemas.admin import Models
from tests.fakes.gateway_services import MODEL
from tests.fakes.gateway_shop import Shop, problem_of


async def test_models_are_listed_trained_and_promoted(shop: Shop) -> None:
    answer = await shop.get("/v1/models", Role.STAFF, params={"page_size": 1})
    listed = answer.json()
    assert set(listed) == set(Models.model_fields)
    assert answer.headers["etag"] == '"v4"'
    assert (listed["models"][0]["version"], listed["models"][0]["promoted"]) == (MODEL, True)
    trained = await shop.post("/v1/models:train", json={"engine": "local", "sweep": True})
    assert (trained.status_code, trained.json()["id"].partition(".")[0]) == (202, "recommendation")
    asked = shop.services.last("TrainModel")
    assert (asked.engine, asked.sweep, asked.dry_run) == ("local", True, False)
    promoted = await shop.post(f"/v1/models/{MODEL}:promote", json={"reason": "by hand"})
    assert promoted.json()["version"] == MODEL
    assert (shop.services.last("PromoteModel").actor, asked.actor) == ("operator", "operator")
    stale = await shop.post(f"/v1/models/{MODEL}:promote", json={"reason": "r"}, headers={"If-Match": '"v3"'})
    problem_of(stale, 412, "VERSION_MISMATCH")
    problem_of(await shop.post("/v1/models/m-0:promote", json={"reason": "by hand"}), 404, "NOT_FOUND")
    problem_of(await shop.post("/v1/models:train", json={"engine": "gpu"}), 400, "INVALID_ARGUMENT")


async def test_customers_are_scored_for_a_mailing(shop: Shop) -> None:
    started = await shop.post("/v1/models:score", json={"engine": "local", "count": 100})
    assert (started.status_code, started.json()["id"].partition(".")[0]) == (202, "recommendation")
    asked = shop.services.last("ScoreCustomers")
    assert (asked.engine, asked.count) == ("local", 100)
    problem_of(await shop.post("/v1/models:score", json={"count": 101}), 400, "INVALID_ARGUMENT")


async def test_a_projection_is_rebuilt_by_its_service(shop: Shop) -> None:
    started = await shop.post("/v1/system/recommendation/projections/interactions:rebuild", json={})
    assert started.status_code == 202
    unknown = await shop.post("/v1/system/pricing/projections/interactions:rebuild", json={})
    problem_of(unknown, 404, "NOT_FOUND")
    problem_of(await shop.post("/v1/system/search/projections/x:rebuild", json={}), 404, "NOT_FOUND")


LETTERS = "/v1/system/recommendation/dead-letters"
REDRIVE = "/v1/system/recommendation/projections/interactions/dead-letters:redrive"


async def test_dead_letters_are_listed_without_what_the_events_say(shop: Shop) -> None:
    answer = await shop.get(LETTERS, Role.OPERATOR, params={"projection": "interactions", "page_size": 2})
    page = answer.json()
    assert page["next_page_token"] == "more"
    assert "card:1" not in answer.text and "message" not in page["dead_letters"][0]
    assert (page["dead_letters"][0]["id"], page["dead_letters"][0]["reason"]) == ("e-1", "KeyError")
    assert (page["dead_letters"][0]["tries"], page["dead_letters"][0]["redrives"]) == (10, 1)
    asked = shop.services.last("ListDeadLetters")
    assert (asked.projection, asked.page_size, asked.with_message) == ("interactions", 2, False)
    assert shop.services.count("GetLogEvent") == 0


async def test_the_events_are_shown_when_asked_and_an_owner_that_is_away_is_marked(shop: Shop) -> None:
    shop.services.down.add("search")
    page = (await shop.get(LETTERS, Role.OPERATOR, params={"payload": "true"})).json()
    known, unknown = page["dead_letters"]
    assert (known["message"], known["event_problem"]) == ("'card:1'", "")
    assert known["event"]["payload"] == {"order": {"number": "7"}}
    assert known["event"]["occurred_time"] == "2026-02-02T02:40:00Z"
    assert (unknown["event"], unknown["event_problem"]) == (None, "SERVICE_UNAVAILABLE")


async def test_dead_letters_are_redriven_by_their_service_once_for_a_key(shop: Shop) -> None:
    key = {"Idempotency-Key": "redrive-1"}
    started = await shop.post(REDRIVE, json={"ids": ["e-1"]}, headers=key)
    assert (started.status_code, started.json()["id"].partition(".")[0]) == (202, "recommendation")
    first = shop.services.last("RedriveDeadLetters")
    assert (list(first.ids), first.projection) == (["e-1"], "interactions")
    await shop.post(REDRIVE, json={"ids": ["e-1"]}, headers=key)
    assert shop.services.last("RedriveDeadLetters").request_id == first.request_id
    await shop.post(REDRIVE, json={})
    assert shop.services.last("RedriveDeadLetters").request_id != first.request_id


async def test_unknown_services_projections_and_letters_are_refused(shop: Shop) -> None:
    for path in ("/v1/system/pricing/dead-letters", f"{LETTERS}?projection=carts"):
        problem_of(await shop.get(path, Role.OPERATOR), 404, "NOT_FOUND")
    for path in ("/v1/system/pricing/projections/interactions/dead-letters:redrive", REDRIVE.replace("interact", "x")):
        problem_of(await shop.post(path, json={}), 404, "NOT_FOUND")
    problem_of(await shop.post(REDRIVE, json={"ids": ["e-9"]}), 404, "NOT_FOUND")
    for ids in (["e-1"] * 101, [""], ["x" * 65], "e-1"):
        problem_of(await shop.post(REDRIVE, json={"ids": ids}), 400, "INVALID_ARGUMENT")


async def test_the_system_shows_every_service_and_marks_one_that_is_missing(shop: Shop) -> None:
    shop.services.down.add("search")
    system = (await shop.get("/v1/system", Role.OPERATOR)).json()
    assert system["ready"] is False
    by_name = {each["service"]: each for each in system["services"]}
    assert by_name["search"] == {"service": "search", "ready": False, "reason": "SERVICE_UNAVAILABLE"}
    assert by_name["knowledge"]["readers"][0]["lag_events"] == 2
    assert by_name["knowledge"]["facts"] == {"products": "5927"}
    assert system["gateway"]["pid"] > 0
    shop.services.down.clear()
    assert (await shop.get("/v1/system", Role.OPERATOR)).json()["ready"] is True

"""Models, rebuilds, and how everything stands."""

from gateway.principals import Role
from tests.fakes.gateway_services import MODEL
from tests.fakes.gateway_shop import Shop, problem_of


async def test_models_are_listed_trained_and_promoted(shop: Shop) -> None:
    listed = (await shop.get("/v1/models", Role.STAFF, params={"page_size": 1})).json()
    assert (listed["models"][0]["version"], listed["models"][0]["promoted"]) == (MODEL, True)
    trained = await shop.post("/v1/models:train", json={"engine": "local", "sweep": True})
    assert (trained.status_code, trained.json()["id"].partition(".")[0]) == (202, "recommendation")
    asked = shop.services.last("TrainModel")
    assert (asked.engine, asked.sweep, asked.dry_run) == ("local", True, False)
    promoted = await shop.post(f"/v1/models/{MODEL}:promote", json={"reason": "by hand"})
    assert promoted.json()["version"] == MODEL
    problem_of(await shop.post("/v1/models/m-0:promote", json={"reason": "by hand"}), 404, "NOT_FOUND")
    problem_of(await shop.post("/v1/models:train", json={"engine": "gpu"}), 400, "INVALID_ARGUMENT")


async def test_a_projection_is_rebuilt_by_its_service(shop: Shop) -> None:
    started = await shop.post("/v1/system/recommendation/projections/interactions:rebuild", json={})
    assert started.status_code == 202
    unknown = await shop.post("/v1/system/orders/projections/interactions:rebuild", json={})
    problem_of(unknown, 404, "NOT_FOUND")
    problem_of(await shop.post("/v1/system/search/projections/x:rebuild", json={}), 404, "NOT_FOUND")


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

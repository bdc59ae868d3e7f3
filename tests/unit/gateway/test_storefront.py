"""What a shopper's page reads."""

from gateway.principals import Role
from tests.fakes.gateway_shop import OTHER_VISITOR, SHOPPER_IDENTIFIERS, VISITOR, Shop


async def test_a_search_passes_the_services_json_through(shop: Shop) -> None:
    response = await shop.get(
        "/v1/search", params={"q": "牛奶", "filter": ["brand:x", "tag:y"], "facets": "brand,price"}
    )
    assert response.status_code == 200
    assert response.json()["attribution_token"] == "t-1"
    asked = shop.services.last("Search")
    assert (asked.query, list(asked.filters), list(asked.facets)) == ("牛奶", ["brand:x", "tag:y"], ["brand", "price"])
    assert list(asked.shopper.identifiers) == [f"visitor:{VISITOR}"]
    assert asked.shopper.shop == "main"
    assert asked.page_size == 24


async def test_a_token_searches_as_its_identifiers(shop: Shop) -> None:
    await shop.get("/v1/search", Role.SHOPPER, headers={"X-Visitor-Id": OTHER_VISITOR})
    assert tuple(shop.services.last("Search").shopper.identifiers) == SHOPPER_IDENTIFIERS

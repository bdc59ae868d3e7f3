"""Steps of a shopper: find in two languages, complete, repair, and be offered something else after a purchase."""

from datetime import UTC, datetime
from typing import Any

from infra.tour.visit import Visit, check

ZH_QUERY = "牛奶"
EN_QUERY = "cheese"
BEGINNING = "choc"
TYPO = "chesse"
LIST_LENGTH = "12"


async def zh_query_finds_products(visit: Visit) -> None:
    """A Chinese query finds products whose Chinese title shows the hit."""
    answer = await visit.get("/v1/search", q=ZH_QUERY, language="zh", page_size="5")
    _check_hits(answer, ZH_QUERY)


async def en_query_finds_products(visit: Visit) -> None:
    """An English query finds products whose English title shows the hit."""
    answer = await visit.get("/v1/search", q=EN_QUERY, language="en", page_size="5")
    _check_hits(answer, EN_QUERY)


async def suggestion_completes_a_beginning(visit: Visit) -> None:
    """Half a word is completed."""
    answer = await visit.get("/v1/suggest", q=BEGINNING, language="en")
    texts = [each["text"].lower() for each in answer.get("suggestions", [])]
    check(any(BEGINNING in text for text in texts), f"no suggestion holds {BEGINNING!r}: {texts}")


async def typo_is_repaired(visit: Visit) -> None:
    """One wrong letter is repaired, and says so."""
    answer = await visit.get("/v1/search", q=TYPO, language="en", page_size="5")
    check(answer.get("corrected_query") == EN_QUERY, f"{TYPO!r} was corrected to {answer.get('corrected_query')!r}")
    check(answer.get("results"), "the repaired query found nothing")


async def click_and_purchase_change_the_list(visit: Visit) -> None:
    """What a new visitor clicks and buys changes what is recommended, within seconds."""
    before = await _recommended(visit)
    found = await visit.get("/v1/search", q=EN_QUERY, language="en", page_size="3")
    check(found.get("results"), "there is nothing to click")
    products = [each["product"]["id"] for each in found["results"]]
    verdicts = await visit.post("/v1/events", {"events": _click_and_buy(visit, products, found["attribution_token"])})
    check(verdicts.get("stored") == len(products) + 1, f"not every event was stored: {verdicts}")

    async def changed() -> bool:
        return await _recommended(visit) not in ([], before)

    await visit.eventually(changed, "the list did not change")


async def _recommended(visit: Visit) -> list[str]:
    answer = await visit.get("/v1/recommendations/recommended-for-you", page_size=LIST_LENGTH, language="en")
    return [slot["product"]["id"] for slot in answer.get("slots", [])]


def _click_and_buy(visit: Visit, products: list[str], token: str) -> list[dict[str, Any]]:
    now = datetime.now(UTC).isoformat()
    shared = {"time": now, "visitor_id": visit.visitor_id, "channel": "web", "attribution_token": token}
    clicks = [
        {
            **shared,
            "id": f"{visit.number}-click-{place}",
            "type": "detail-page-view",
            "products": [{"id": product}],
            "position": place,
        }
        for place, product in enumerate(products, start=1)
    ]
    bought = {
        **shared,
        "id": f"{visit.number}-buy",
        "type": "purchase-complete",
        "products": [{"id": products[0], "quantity": 1, "price": {"amount": "3.99", "currency": "USD"}}],
        "order": {"number": f"tour-{visit.number}", "kind": "sale"},
    }
    return [*clicks, bought]


def _check_hits(answer: dict[str, Any], query: str) -> None:
    results = answer.get("results", [])
    check(results, f"{query!r} found nothing")
    check(any(part.get("hit") for part in results[0]["highlight"]), f"the first title does not show {query!r} as a hit")
    check(answer.get("attribution_token"), "the search has no attribution token")

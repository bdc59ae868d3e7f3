"""Steps of the service desk: the whole customer, a case, a contact, a consent, an erasure at the customer's word."""

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from infra.tour.seat import take_seat
from infra.tour.visit import Visit, check

ROLE: Final = "desk"
ERASED: Final = 6.0  # times as long as copies take elsewhere: logs are rewritten
VIEWED: Final = "/v1/recommendations/recently-viewed"


async def desk_sees_the_whole_customer(visit: Visit) -> None:
    """The desk signs in, finds a caller by the telephone, and sees names, facts, purchases and consents on one page."""
    seat = await take_seat(visit, ROLE)
    phone = f"phone:+86138{str(int(visit.number, 16))[-8:].zfill(8)}"
    login, name = f"login:desk-{visit.number}", f"Tour {visit.number}"
    claims = {
        "identifiers": [{"identifier": each, "verified": True} for each in (login, phone)],
        "claims": [{"field": "name", "value": name}],
        "source": "tour",
    }
    await visit.post("/v1/customers:claims", claims, key="staff")
    check(visit.last_status == 200, f"the customer was answered {visit.last_status}")
    found = await seat.rows(f"/customers?q={quote(phone)}", "found")
    check(len(found) == 1, f"{len(found)} customers are found by the telephone")
    customer = await visit.get(f"/v1/customers/{quote(login)}", key="staff")
    visit.noted |= {"customer": customer["id"], "login": login}
    page = await seat.open(f"/customers/{customer['id']}")
    missing = [each for each in (name, login, phone) if each not in page]
    check(not missing, f"the page does not tell {len(missing)} of what is known")


async def desk_opens_answers_and_closes_a_case(visit: Visit) -> None:
    """A complaint is taken down, its clock runs, it is answered in time and closed with its cause."""
    seat = await take_seat(visit, ROLE)
    said = {"customer": visit.noted["login"], "kind": "complaint", "text": "It came warm."}
    case = await seat.send("/cases", "new", said)
    await seat.send(case, "take")
    await seat.send(case, "reply", {"text": "We send another one tomorrow."})
    await seat.send(case, "close", {"cause": "product-quality", "text": "sent again"})
    kept = await visit.get(f"/v1{case}", key="staff")
    check((kept["state"], kept["cause"]) == ("closed", "product-quality"), f"it is {kept['state']}, {kept['cause']}")
    check(kept["opened_time"] <= kept["answered_time"] < kept["due_time"], "it was not answered in time")
    kinds = [entry["kind"] for entry in kept["history"]]
    check(kinds == ["opened", "assigned", "replied", "closed"], f"its history says {kinds}")
    check(kept["owner"] == seat.actor, f"it is in the hands of {kept['owner']}")


async def desk_plans_a_contact_and_says_what_came_of_it(visit: Visit) -> None:
    """A call is planned on the customer's page, stands in the calendar, and is done with what came of it."""
    seat = await take_seat(visit, ROLE)
    customer = visit.noted["customer"]
    await seat.send(
        f"/customers/{customer}", "contact", {"kind": "telephone", "purpose": "service", "note": "is it well again?"}
    )
    planned = (await visit.get("/v1/contacts", key="staff", customer=customer))["contacts"]
    check(len(planned) == 1, f"{len(planned)} contacts are planned")
    await seat.open(f"/contacts?day={planned[0]['day']}")
    path = f"/contacts/{planned[0]['id']}"
    await seat.send(path, "complete", {"outcome": "reached", "note": "all is well"})
    kept = await visit.get(f"/v1{path}", key="staff")
    seen = (kept["state"], kept["outcome"], kept["done_by"])
    check(seen == ("done", "reached", seat.actor), f"it is {seen}")


async def withdrawn_consent_holds(visit: Visit) -> None:
    """The customer takes consent back at the desk: the shop offers them nothing personal."""
    seat = await take_seat(visit, ROLE)
    customer = visit.noted["customer"]
    token = await _token(visit, visit.noted["login"])
    await _view(visit, visit.noted["login"])
    await seat.send(f"/privacy/{customer}", "consent", {"purpose": "personalization", "granted": "yes"})

    async def personal() -> bool:
        return _is_personal(await visit.get(VIEWED, key=token, language="en"))

    async def blocked() -> bool:
        return not await personal()

    await visit.eventually(personal, "nothing is personal with consent")
    await seat.send(f"/customers/{customer}", "consent", {"purpose": "personalization"})
    await visit.eventually(blocked, "the shop is personal without consent")


async def desk_erases_a_customer_at_their_word(visit: Visit) -> None:
    """The customer asks to be forgotten: a receipt that names nobody, and nobody is found any more."""
    seat = await take_seat(visit, ROLE)
    customer = visit.noted["customer"]
    receipt = await seat.send(f"/privacy/{customer}", "erase", {"confirm": "erase"})

    async def done() -> bool:
        return bool((await visit.get(f"/v1{receipt}"))["state"] == "done")

    await visit.eventually(done, "the erasure does not end", patience=ERASED)
    await seat.open(receipt)
    await visit.get(f"/v1/customers/{quote(visit.noted['login'])}", key="staff")
    check(visit.last_status == 404, f"the erased customer was answered {visit.last_status}")


async def _token(visit: Visit, login: str) -> str:
    answer = await visit.post("/v1/shopper-tokens", {"identifiers": [login]}, key="shop")
    check("token" in answer, f"the token was answered {visit.last_status}")
    visit.hide(answer["token"])
    return str(answer["token"])


async def _view(visit: Visit, login: str) -> None:
    """Let a shopper look at a product."""
    found = await visit.get("/v1/search", q="milk", language="en", page_size="1", filter="in_stock:true")
    event = {
        "id": f"{visit.number}-{login}-view",
        "type": "detail-page-view",
        "time": datetime.now(UTC).isoformat(),
        "identifiers": [login],
        "products": [{"id": found["results"][0]["product"]["id"]}],
    }
    verdicts = await visit.post("/v1/events", {"events": [event]}, key="shop")
    check(verdicts.get("stored") == 1, f"the view was not stored: {verdicts}")


def _is_personal(answer: dict[str, Any]) -> bool:
    return bool(answer.get("slots")) and not answer.get("fallback_reason")

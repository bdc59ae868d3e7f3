"""Steps of an analyst, who reads and changes nothing, and of an admin, who sees that all of it was written down."""

import re
from typing import Any, Final

from infra.tour.seat import Seat, account_of, forms_of, take_seat
from infra.tour.visit import Visit, check

READ: Final = ("/queries", "/controls", "/scenes", "/models", "/mentions", "/alerts", "/products")
NOT_READ: Final = ("/customers", "/cases", "/staff", "/audit", "/system")
NEWCOMER: Final = "tour-newcomer"
KEY: Final = "tour-console"
# What the tour did at the console, by role; of each the trail must tell.
DONE: Final = {
    "merchandiser": {"control.launch", "control.pause", "scene.publish", "scene.withdraw"},
    "pr": {"alert.reopen", "alert.acknowledge", "alert.mitigate", "alert.resolve", "alert.close"},
    "desk": {
        "case.open",
        "case.reply",
        "case.close",
        "contact.plan",
        "contact.complete",
        "customer.consent",
        "customer.erase",
    },
    "admin": {"staff.disable", "key.create", "key.revoke"},
}


async def analyst_reads_and_changes_nothing(visit: Visit) -> None:
    """An analyst signs in and reads every figure; pages about customers are refused, and so is a form sent by hand."""
    seat = await take_seat(visit, "analyst")
    for path in READ:
        await seat.open(path)
    for path in NOT_READ:
        await seat.open(path, status=403)
    answer = await seat.post("/scenes", {"_form": "new", "_submit": "by-hand", "name": "not an analyst's"})
    check(answer.status_code == 403, f"a form sent by hand was answered {answer.status_code}")


async def admin_sees_the_system(visit: Visit) -> None:
    """An admin signs in and sees how every service is: logs, dead letters, models, sizes."""
    seat = await take_seat(visit, "admin")
    system = await visit.get("/v1/system", key="operator")
    page = await seat.open("/system")
    missing = [each["service"] for each in system["services"] if each["service"] not in page]
    check(system["services"] and not missing, f"the page does not tell of {missing}")
    for path in ("/dead-letters", "/webhooks", "/shops"):
        await seat.open(path)


async def admin_makes_and_disables_an_account(visit: Visit) -> None:
    """An admin makes an account, or gives it back, then takes it away: it opens nothing any more."""
    seat = await take_seat(visit, "admin")
    known = await visit.get("/v1/staff", key="operator")
    if any(each["id"] == NEWCOMER for each in known["staff"]):
        await seat.send(f"/staff/{NEWCOMER}", "enable")
    else:
        await seat.send("/staff", "new", {"id": NEWCOMER, "name": "Tour: newcomer", "roles": "analyst"})
    visit.tidying.append(("POST", f"/v1/staff/{NEWCOMER}:disable", "operator"))
    check(await _state(visit) != "disabled", "the account is disabled from the first")
    await seat.send(f"/staff/{NEWCOMER}", "disable")
    check(await _state(visit) == "disabled", f"the account is {await _state(visit)}")


async def admin_makes_a_key_and_takes_it_back(visit: Visit) -> None:
    """An admin makes an API key, shown once, which opens its door until it is taken back."""
    seat = await take_seat(visit, "admin")
    for former in await _keys(seat):
        await seat.send("/api-keys", "revoke", {"id": former})
    await seat.send("/api-keys", "new", {"name": KEY, "kind": "shop"})
    keys, secret = await _made(seat)
    visit.tidying += [("DELETE", f"/v1/keys/{each}", "operator") for each in keys]
    check(len(keys) == 1 and secret, f"{len(keys)} keys were made, and none shown")
    await visit.get("/v1/cart", key=secret, identifier=f"login:tour-{visit.number}")
    check(visit.last_status == 200, f"the new key was answered {visit.last_status}")
    await seat.send("/api-keys", "revoke", {"id": keys[0]})
    await visit.get("/v1/cart", key=secret, identifier=f"login:tour-{visit.number}")
    check(visit.last_status == 401, f"the key that was taken back was answered {visit.last_status}")


async def audit_trail_tells_who_did_what(visit: Visit) -> None:
    """The audit trail tells of every step that the tour's staff took at the console, by whom and when."""
    seat = await take_seat(visit, "admin")
    for role, wanted in DONE.items():
        actor = f"staff:{account_of(role)}"
        asked = {"actor": actor, "start_time": visit.start_time.isoformat(), "page_size": "200"}
        entries: list[dict[str, Any]] = (await visit.get("/v1/audit", key="operator", **asked))["entries"]
        missing = wanted - {entry["action"] for entry in entries}
        check(not missing, f"nothing tells that {actor} did {', '.join(sorted(missing))}")
        await seat.open(f"/audit?who={actor}")


async def _state(visit: Visit) -> str:
    known = await visit.get("/v1/staff", key="operator")
    return str(next(each["state"] for each in known["staff"] if each["id"] == NEWCOMER))


async def _keys(seat: Seat) -> list[str]:
    """Return the ids of the tour's own live keys."""
    return _revocable(await seat.open("/api-keys"))


async def _made(seat: Seat) -> tuple[list[str], str]:
    """Return the tour's own live keys, and the secret that the page shows this once."""
    page = await seat.open("/api-keys")
    secret = re.search(rf"sk_{KEY}_[\w-]+", page)
    return _revocable(page), secret[0] if secret is not None else ""


def _revocable(page: str) -> list[str]:
    ids = [form.fixed.get("id", "") for form in forms_of(page) if form.fixed.get("_form") == "revoke"]
    return [each for each in ids if each.startswith(f"{KEY}.")]

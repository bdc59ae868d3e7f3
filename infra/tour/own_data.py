"""Steps of a shopper and their own data: read, consented to, taken along, erased with a receipt."""

import io
import zipfile
from datetime import UTC, datetime
from typing import Final

from infra.tour.visit import Visit, check

EXPORTED: Final = 3.0  # times as long as copies take elsewhere
ERASED: Final = 6.0
PURPOSES: Final = {"personalization", "marketing"}


async def shopper_reads_what_is_known(visit: Visit) -> None:
    """A shopper reads what the shop knows of them, each fact with its source; each purpose has a yes or a no."""
    login, card = f"login:own-{visit.number}", f"card:OWN{visit.number.upper()}"
    claims = {
        "identifiers": [{"identifier": each, "verified": True} for each in (login, card)],
        "claims": [{"field": "name", "value": f"Own {visit.number}"}],
        "source": "tour",
    }
    await visit.post("/v1/customers:claims", claims, key="staff")
    token = await visit.post("/v1/shopper-tokens", {"identifiers": [login]}, key="shop")
    check("token" in token, f"the token was answered {visit.last_status}")
    visit.hide(token["token"])
    visit.noted |= {"own": login, "token": token["token"]}
    me = await visit.get("/v1/me", key=token["token"])
    names = {each["identifier"] for each in me["identifiers"]}
    check({login, card} <= names, "not every name of theirs is there")
    check(me["facts"] and all(fact["source"] for fact in me["facts"]), "a fact has no source")
    for purpose, granted in (("personalization", True), ("marketing", False)):
        kept = await visit.put(f"/v1/me/consents/{purpose}", {"granted": granted}, key=token["token"])
        state = {each["purpose"]: each["state"] for each in kept["consents"]}
        check(set(state) == PURPOSES, f"there are consents for {sorted(state)}")
        check(state[purpose] == ("granted" if granted else "denied"), f"{purpose} is {state[purpose]}")


async def shopper_takes_everything_along(visit: Visit) -> None:
    """The shopper gets one archive of everything that is kept of them."""
    token = visit.noted["token"]
    started = await visit.post("/v1/me:export", {}, key=token)
    path = f"/v1/me/exports/{started['id']}"

    async def ready() -> bool:
        return bool((await visit.get(path, key=token))["state"] == "ready")

    await visit.eventually(ready, "the archive is not made", patience=EXPORTED)
    content = await visit.fetch(f"{path}/archive", key=token)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            whole = b"".join(archive.read(name) for name in names)
    except zipfile.BadZipFile:
        check(False, "the archive is none")
    visit.show(f"files of {path}/archive", 200, ", ".join(names))
    check(f"Own {visit.number}".encode() in whole, "what is known of them is not in it")


async def shopper_is_erased_with_a_receipt(visit: Visit) -> None:
    """The shopper is erased: a receipt says where and when and nothing of whom; what comes late is refused."""
    login = visit.noted["own"]
    erasure = await visit.post("/v1/me:erase", {"confirm": "erase"}, key=visit.noted["token"])
    check(visit.last_status == 202, f"the erasure was answered {visit.last_status}")
    receipt: dict[str, object] = {}

    async def done() -> bool:
        nonlocal receipt
        receipt = await visit.get(f"/v1/erasures/{erasure['id']}")
        return receipt["state"] == "done"

    await visit.eventually(done, "the erasure does not end", patience=ERASED)
    check(receipt["services"] and receipt["proof"], "the receipt proves nothing")
    check(visit.number not in str(receipt), "the receipt says of whom it is")
    late = {
        "id": f"{visit.number}-late",
        "type": "login",
        "time": datetime.now(UTC).isoformat(),
        "identifiers": [login],
        "channel": "app",
    }
    answer = await visit.post("/v1/events", {"events": [late]}, key="shop")
    reason = (answer["verdicts"][0].get("error") or {}).get("reason")
    check(reason == "SUBJECT_ERASED", f"what came late was answered {reason}")

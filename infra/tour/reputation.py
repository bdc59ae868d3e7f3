"""Steps of the public's opinion: a burst raises one alert, which is taken in hand and ended; others hear of it."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import orjson

from infra.demo.mentions import BUCKET, burst_mentions, last_closed, usual_mentions
from infra.demo.talk import DemoBrand, Talk
from infra.tour.visit import Visit, check
from services.kits.webhooks.errors import WebhookTamperedError, WebhookUnsignedError
from services.kits.webhooks.signing import ID_HEADER, verified

PER_DAY: Final = 40.0
BATCH: Final = 500
SETTLED_S: Final = 1.0  # a second alert would be there by then
TARGETS: Final = "/v1/webhooks/reputation/targets"
TOLD: Final = ("alert.raised", "alert.acknowledged", "alert.resolved")
OWNER: Final = "tour"


async def burst_raises_one_alert(visit: Visit) -> None:
    """14 days of mentions, then a burst in the last closed bucket: one alert with evidence."""
    await _listen(visit)
    talk = await _watch_brand(visit)
    rng = np.random.default_rng(int(visit.number, 16))
    now = datetime.now(UTC)
    usual = list(usual_mentions(talk, rng, end_time=last_closed(now) - 12 * BUCKET, per_day=PER_DAY))
    await _say(visit, usual)
    await _say(visit, burst_mentions(talk, rng, now=now))
    said = time.monotonic()

    async def raised() -> bool:
        return bool(await _alerts(visit))

    await visit.eventually(raised, "no alert was raised")
    took_s = time.monotonic() - said
    await asyncio.sleep(min(SETTLED_S, visit.eventually_s))
    alerts = await _alerts(visit)
    check(len(alerts) == 1, f"{len(alerts)} alerts were raised")
    alert = await visit.get(f"/v1/alerts/{alerts[0]['id']}", key="staff")
    check((alert["kind"], alert["subject"], alert["state"]) == ("brand", talk.brands[0].id, "open"), "another alert")
    check(alert["evidence"] and alert["assessment"]["terms"], "the alert shows neither evidence nor terms")
    causes = [entry["cause"] for entry in alert["history"] if entry["kind"] == "notified"]
    check(_told_once(causes), f"people were told of {causes}")
    words = (
        f"{alert['level_name']['zh']} {alert['level_name']['en']}: {alert['summary']['zh']} {alert['summary']['en']}"
    )
    visit.show(f"alert {alert['id']}, {took_s:.1f} s after the burst", 200, words)
    visit.noted["alert"] = alert["id"]


async def acknowledging_stops_the_escalation(visit: Visit) -> None:
    """Somebody takes the alert in hand: it has an owner, no page is owed, and twice is the same as once."""
    path = f"/v1/alerts/{visit.noted['alert']}"
    asked = {"owner": OWNER, "comment": "the tour looks into it"}
    alert = await visit.post(f"{path}:acknowledge", asked, key="staff")
    check((alert.get("state"), alert.get("owner")) == ("acknowledged", OWNER), f"it is {alert.get('state')}")
    check(alert["escalated"] == 0 and not alert["withheld"], "an escalation went out, or is owed")
    comments = [each["comment"] for each in alert["history"] if each["kind"] == "acknowledged"]
    check(comments == [asked["comment"]], "the history does not say why")
    again = await visit.post(f"{path}:acknowledge", asked, key="staff")
    check(again.get("version") == alert["version"], "acknowledging twice changed something")


async def resolving_closes_the_alert(visit: Visit) -> None:
    """It is over: resolved with a reason, put away, and no longer among those that go on."""
    path = f"/v1/alerts/{visit.noted['alert']}"
    resolved = await visit.post(f"{path}:resolve", {"comment": "the batch was taken back"}, key="staff")
    check(resolved.get("state") == "resolved", f"it is {resolved.get('state')}")
    closed = await visit.post(f"{path}:close", {}, key="staff")
    check(closed.get("state") == "closed", f"it is {closed.get('state')}")
    going_on = await visit.get("/v1/alerts", key="staff", shop=_shop(visit), state="live")
    check(going_on.get("alerts") == [], "it still goes on")


async def signed_webhooks_were_received_and_verify(visit: Visit) -> None:
    """Whoever listens was told all of it by signed webhooks, each once; a changed byte fits no signature."""
    calls = visit.receiver.calls if visit.receiver is not None else []

    async def heard() -> bool:
        return len(calls) >= len(TOLD)

    await visit.eventually(heard, f"only {len(calls)} of {len(TOLD)} webhooks came")
    secret, now = visit.noted["secret"], datetime.now(UTC)
    for call in calls:
        visit.show(f"POST {call.path} {call.headers.get(ID_HEADER)}", 204, call.body.decode("utf-8", "replace"))
        try:
            verified(call.headers, call.body, [secret], now)
        except (WebhookUnsignedError, WebhookTamperedError) as error:
            check(False, f"a webhook does not verify: {error.reason}")
        try:
            verified(call.headers, call.body + b" ", [secret], now)
        except WebhookTamperedError:
            continue
        check(False, "a changed body verifies as well")
    ids = [call.headers[ID_HEADER] for call in calls]
    check(len(ids) == len(set(ids)) == len(TOLD), f"{len(ids)} calls of {len(set(ids))} webhooks")
    bodies = [orjson.loads(call.body) for call in calls]
    about = {alert["id"] for body in bodies for alert in body["alerts"]}
    check(about == {visit.noted["alert"]}, f"they are about {about}")
    check({body["status"] for body in bodies} == {"firing", "resolved"}, "not every turn was told")


async def _listen(visit: Visit) -> None:
    """Have the platform tell this visit's receiver of alerts."""
    check(visit.receiver is not None, "nobody may be called: start with zhike up --demo, one tour at a time")
    assert visit.receiver is not None
    asked = {"url": visit.receiver.url, "event_types": list(TOLD), "owner": OWNER, "request_id": f"tour-{visit.number}"}
    target = await visit.post(TARGETS, asked, key="operator")
    check(visit.last_status == 201, f"the target was answered {visit.last_status}")
    visit.tidying.append(("DELETE", f"{TARGETS}/{target['id']}", "operator"))
    visit.hide(target["secret"])
    visit.noted["secret"] = target["secret"]


async def _watch_brand(visit: Visit) -> Talk:
    """Look for a brand that nobody spoke of before, and wait until mentions are matched with it."""
    name = f"tour-{visit.number}"
    brand = DemoBrand(name, f"游园{visit.number}", f"Tourhaus {visit.number}")
    talk = Talk(_shop(visit), name, (brand,))
    await visit.put(f"/v1/brands/{name}", brand.form, key="staff")
    check(visit.last_status == 200, f"the brand was answered {visit.last_status}")
    visit.tidying.append(("DELETE", f"/v1/brands/{name}", "staff"))
    tries = iter(range(1_000))

    async def matched() -> bool:
        said = {"id": f"{name}-probe-{next(tries)}", "source": "simulated-forum", "shop": talk.shop}
        published = datetime.now(UTC).isoformat()
        await _say(visit, [{**said, "published": published, "text": f"{brand.en} / {brand.zh} [simulated]"}])
        found = await visit.get("/v1/mentions", key="staff", shop=talk.shop, brand=name, page_size="1")
        return bool(found.get("mentions"))

    await visit.eventually(matched, "mentions are not matched with a new brand")
    return talk


async def _say(visit: Visit, mentions: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(mentions), BATCH):
        verdicts = await visit.post("/v1/mentions", {"mentions": mentions[start : start + BATCH]}, key="staff")
        check(verdicts.get("rejected") == 0, f"mentions were refused: {verdicts}")


async def _alerts(visit: Visit) -> list[dict[str, Any]]:
    answer = await visit.get("/v1/alerts", key="staff", shop=_shop(visit))
    alerts: list[dict[str, Any]] = answer["alerts"]
    return alerts


def _told_once(causes: Sequence[str]) -> bool:
    """Say whether people were told of the raising, and else at most of a higher level, each once.

    On a slow machine the burst's first mentions are judged before its last are counted: the level then rises.
    """
    rises = causes[1:]
    return (
        list(causes[:1]) == ["1/raised"]
        and len(set(rises)) == len(rises)
        and all(cause.startswith("1/level-") for cause in rises)
    )


def _shop(visit: Visit) -> str:
    """Return a shop of the visit's own, so that nobody else's mentions count."""
    return f"tour-{visit.number}"

"""PR staff: watch the live alerts, how much is said by the hour, and what is said, page by page and one by one."""

from typing import Any
from urllib.parse import quote

from loadtests.users import mix
from loadtests.users.asking import Actor, Script, get

TONES = ("negative", "positive", "neutral")
STEPS = ("5m", "15m", "1h")


def pr(actor: Actor) -> Script:
    """Watch for ever; writes nothing."""
    rng = actor.rng
    while True:
        yield get("alerts", "/v1/alerts", key="staff", state="live", page_size=50)
        yield get("mention-counts", "/v1/mentions:count", key="staff", step=rng.choice(STEPS))
        wanted: dict[str, Any] = {"page_size": 50}
        if rng.random() < mix.FILTERS:
            wanted["tone"] = rng.choice(TONES)
        found = (yield get("mentions", "/v1/mentions", key="staff", **wanted)) or {}
        if found.get("mentions"):
            mention = rng.choice(found["mentions"])["id"]
            yield get("mentions", f"/v1/mentions/{quote(mention, safe='')}", key="staff")
        if found.get("next_page_token"):
            yield get("mentions", "/v1/mentions", key="staff", **wanted, page_token=found["next_page_token"])

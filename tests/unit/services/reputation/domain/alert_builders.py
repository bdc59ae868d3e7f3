"""Alerts for tests: one open alert of a brand, and sightings like the one that raised it."""

from datetime import datetime, timedelta
from typing import Any

from services.reputation.domain.alerts import Alert, AlertName, Evidence, Group
from services.reputation.domain.bursts import Judgement, Verdict
from services.reputation.domain.escalation import Suppress, unsuppressed
from services.reputation.domain.levels import Level, Situation, assess
from services.reputation.domain.raising import Sighting, observed
from tests.strategies.alerts import BRAND, HOLD, START

_SITUATIONS = {
    Level.I: Situation(12.0, 100, 80, 3_000_000, 1, 4.0, 12, {"safety": 50}),
    Level.II: Situation(6.0, 100, 60, 50_000, 2, 1.0, 3, {"quality": 50}),
    Level.III: Situation(6.0, 100, 40, 50_000, 3, 1.0, 3, {"quality": 30}),
    Level.IV: Situation(2.0, 20, 1, None, 3, 1.0, 1, {}),
}


def judgement(count: int = 60) -> Judgement:
    return Judgement(Verdict.BURST, 100, count, 20.0, 2.0, 5.0, 500)


def evidence(number: int, **said: Any) -> Evidence:
    fields: dict[str, Any] = {
        "mention_id": f"m{number}",
        "cluster_id": f"c{number}",
        "source": "weibo",
        "url": f"https://example.com/{number}",
        "tone": "negative",
        "reach": number,
        "published_time": START,
    }
    return Evidence(**{**fields, **said})


def sighting(level: Level = Level.III, *, group: Group = BRAND, at: datetime = START, **said: Any) -> Sighting:
    found = assess(_SITUATIONS[level])
    assert found.level is level
    fields: dict[str, Any] = {
        "name": AlertName.BURST,
        "group": group,
        "time": at,
        "assessment": found,
        "judgements": {"negative": judgement()},
        "evidence": (evidence(1),),
    }
    return Sighting(**{**fields, **said})


def raised(level: Level = Level.III, *, suppress: Suppress = unsuppressed, **said: Any) -> Alert:
    return observed(None, sighting(level, **said), START, HOLD, suppress)


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)

"""The alert inbox: what goes on, how grave, who has it in hand."""

from typing import Final

from zhike.reputation.v1 import alert_pb2
from zhike.reputation.v1 import alert_service_pb2 as pb

from gateway.alert_clients import LIST_ALERTS
from gateway.console.areas.pr.marks import (
    ALERT_KINDS,
    ALERT_STATES,
    LEVELS,
    LIVE_STATES,
    READERS,
    level_chip,
    shop_of,
    state_chip,
    state_of,
    word_of,
)
from gateway.console.areas.pr.public_text import shown
from gateway.console.cells import Cell, Column, Link, Moment, Table
from gateway.console.pages import ROOT, Page, View
from gateway.console.visit import Visit

COUNTED: Final = 200
LIVE: Final = "live"
NOBODY: Final = "-"


async def show(visit: Visit) -> View:
    """Show a tab of the inbox."""
    tab = visit.choice("state", {LIVE: None, **ALERT_STATES, "all": None}, LIVE)
    request = pb.ListAlertsRequest(
        shop=shop_of(visit),
        state=ALERT_STATES.get(tab, alert_pb2.ALERT_STATE_UNSPECIFIED),
        live=tab == LIVE,
        page_size=COUNTED,
        page_token=visit.cursor("alerts"),
    )
    listed = await visit.ask(LIST_ALERTS, request)
    live = list(listed.alerts) if tab == LIVE else await visit.once("live", lambda: _live(visit))
    level, owner = visit.choice("level", dict.fromkeys(LEVELS)), visit.text("owner", 128)
    rows = [alert for alert in listed.alerts if _fits(alert, level, owner)]
    return {
        "alerts": Table(
            "alerts",
            _columns(visit),
            rows,
            listed.next_page_token,
            empty="pr.alerts.none",
            empty_hint="pr.alerts.none_hint",
        ),
        "tab": tab,
        "tabs": _tabs(visit, live),
        "level_options": [(each, visit.words(f"pr.level.{each}")) for each in LEVELS],
        "owner_options": [
            (NOBODY, visit.words("pr.alerts.nobody")),
            *((name, name) for name in sorted({alert.owner for alert in listed.alerts if alert.owner})),
        ],
        "live_by_level": [(each, sum(alert.level == each for alert in live)) for each in LEVELS],
        "waiting": sum(not alert.owner for alert in live),
    }


def subject_of(visit: Visit, alert: alert_pb2.Alert) -> str:
    """Return what an alert is about in words."""
    kind = visit.words(f"pr.kind.{word_of(dict(ALERT_KINDS), alert.kind) or 'shop'}")
    return f"{kind} {alert.subject}".strip()


def summary_of(visit: Visit, alert: alert_pb2.Alert) -> str:
    """Return an alert in one line."""
    return shown(alert.summary.get(visit.language, "") or alert.subject or alert.alertname, 300)


def _fits(alert: alert_pb2.Alert, level: str, owner: str) -> bool:
    if level and alert.level != level:
        return False
    return not owner or alert.owner == ("" if owner == NOBODY else owner)


async def _live(visit: Visit) -> list[alert_pb2.Alert]:
    request = pb.ListAlertsRequest(shop=shop_of(visit), live=True, page_size=COUNTED)
    found = await visit.part(visit.words("pr.alerts.title"), LIST_ALERTS, request)
    return list(found.alerts) if found is not None else []


def _tabs(visit: Visit, live: list[alert_pb2.Alert]) -> list[tuple[str, str, int | None]]:
    counts = {state: sum(state_of(alert) == state for alert in live) for state in LIVE_STATES}
    return [
        (LIVE, visit.words("pr.alerts.live"), len(live)),
        *((state, visit.words(f"pr.state.{state}"), counts.get(state)) for state in ALERT_STATES),
        ("all", visit.words("pr.alerts.all"), None),
    ]


def _columns(visit: Visit) -> tuple[Column, ...]:
    def line(alert: alert_pb2.Alert) -> Cell:
        return Link(summary_of(visit, alert), f"{ROOT}/alerts/{alert.id}", subject_of(visit, alert))

    def mentions(alert: alert_pb2.Alert) -> Cell:
        return max((each.count for each in alert.signals), default=0) or None

    return (
        Column("pr.alerts.level", lambda alert: level_chip(visit, alert)),
        Column("pr.alerts.summary", line, wide=True),
        Column("pr.alerts.state", lambda alert: state_chip(visit, alert)),
        Column("pr.alerts.owner", lambda alert: alert.owner or None),
        Column("pr.alerts.points", lambda alert: alert.assessment.points, numeric=True),
        Column("pr.alerts.mentions", mentions, numeric=True),
        Column("pr.alerts.escalated", lambda alert: alert.escalated or None, numeric=True),
        Column("pr.alerts.raised", lambda alert: Moment(alert.raised_time)),
        Column("pr.alerts.last", lambda alert: Moment(alert.last_time)),
    )


PAGE: Final = Page(
    path="/alerts",
    roles=READERS,
    title="pr.alerts.title",
    help="pr.alerts.help",
    template="pr/alerts.html",
    show=show,
    nav="alerts",
    topics=("alerts",),
    counts="alerts",
)

"""The shops of this deployment, and what is set for all of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zhike.reputation.v1 import alert_service_pb2, mention_service_pb2

from gateway.alert_clients import LIST_ALERTS
from gateway.clients import Remote
from gateway.console.areas.operations.system import ADMINS
from gateway.console.areas.pr.marks import opinion_shop
from gateway.console.cells import Cell, Chip, Column, Link, Table
from gateway.console.pages import ROOT, Page, View
from gateway.console.visit import RequestT, ResponseT, Visit
from gateway.pr_clients import LIST_MENTIONS
from gateway.settings import GatewaySettings
from services.chassis.errors import ZhikeError
from services.chassis.settings import variable

SHOPS_LIMIT: Final = 200
HIDDEN: Final = ("key", "token", "secret", "password")
STORES: Final = ("documents", "search_index", "traces_endpoint")  # addresses, which may hold a password


@dataclass(frozen=True, slots=True)
class ShopRow:
    """A shop and who writes for it."""

    id: str
    keys: int
    channels: Sequence[str]
    heard: bool | None
    alerts: int | None
    usual: bool


async def show(visit: Visit) -> View:
    """Show the shops that keys write for, and the settings of the gateway."""
    names = await visit.parts.keys.list()
    usual = visit.parts.settings.default_shop
    shops = sorted({usual, opinion_shop(visit.parts, usual), *(name.shop for name in names)})[:SHOPS_LIMIT]
    live = [name for name in names if name.live]

    async def row(shop: str) -> ShopRow:
        own = [name for name in live if name.shop == shop]
        mentions = await _quietly(visit, LIST_MENTIONS, mention_service_pb2.ListMentionsRequest(shop=shop, page_size=1))
        alerts = await _quietly(
            visit, LIST_ALERTS, alert_service_pb2.ListAlertsRequest(shop=shop, live=True, page_size=200)
        )
        return ShopRow(
            shop,
            sum(len(name.live) for name in own),
            sorted({name.channel for name in own if name.channel}),
            None if mentions is None else bool(mentions.mentions),
            None if alerts is None else len(alerts.alerts),
            shop == usual,
        )

    rows = await asyncio.gather(*map(row, shops))
    return {
        "shops": Table("shops", _columns(visit), rows, total=len(rows)),
        "settings": Table("settings", _setting_columns(), _settings(visit)),
        "zone": str(visit.formats.local(visit.parts.clock.now()).tzinfo),
        "now": visit.parts.clock.now(),
    }


async def _quietly(visit: Visit, remote: Remote[RequestT, ResponseT], request: RequestT) -> ResponseT | None:
    try:
        return await remote.briefly(visit.parts.caller, request)
    except ZhikeError:
        return None


def _settings(visit: Visit) -> list[tuple[str, str, str]]:
    """Return name, value and meaning of what the gateway was started with; nothing that opens a door."""
    rows = []
    for field, info in GatewaySettings.model_fields.items():
        value = getattr(visit.parts.settings, field)
        hides = field in STORES or (any(word in field for word in HIDDEN) and isinstance(value, str))
        text = _without_password(str(value)) if hides else ", ".join(value) if isinstance(value, tuple) else str(value)
        rows.append((variable(field), "–" if value in (None, "") else text, info.description or ""))
    return rows


def _without_password(text: str) -> str:
    scheme, found, rest = text.partition("://")
    if not found:
        return text if text in ("sqlite", "memory", "tantivy") else "•••" if text else ""
    return f"{scheme}://{rest.rpartition('@')[2].partition('/')[0].partition('?')[0]}"


def _columns(visit: Visit) -> tuple[Column, ...]:
    def name(row: ShopRow) -> Cell:
        return Link(row.id, f"{ROOT}/api-keys", visit.words("operations.shops.usual") if row.usual else "")

    def heard(row: ShopRow) -> Cell:
        if row.heard is None:
            return None
        key = "operations.shops.heard" if row.heard else "operations.shops.unheard"
        return Chip(visit.words(key), "good" if row.heard else "plain")

    return (
        Column("operations.shops.shop", name, wide=True),
        Column("operations.shops.keys", lambda row: row.keys, numeric=True),
        Column("operations.shops.channels", lambda row: ", ".join(row.channels) or None),
        Column("operations.shops.mentions", heard),
        Column("operations.shops.alerts", lambda row: row.alerts, numeric=True),
    )


def _setting_columns() -> tuple[Column, ...]:
    return (
        Column("operations.shops.setting", lambda row: row[0]),
        Column("operations.shops.value", lambda row: row[1]),
        Column("operations.shops.meaning", lambda row: row[2], wide=True),
    )


PAGE: Final = Page(
    path="/shops",
    roles=ADMINS,
    title="operations.shops.title",
    help="operations.shops.help",
    template="operations/shops.html",
    show=show,
    nav="shops",
)

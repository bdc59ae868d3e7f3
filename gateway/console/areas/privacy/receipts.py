"""The receipts of erasures: what was done where and when, and nothing of whom."""

from typing import Any, Final

from zhike.knowledge.v1 import privacy_service_pb2 as pb

from gateway.console.cells import Chip, Column, Link, Moment, Share, Table
from gateway.console.pages import ROOT, Page, View
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit
from gateway.privacy_clients import GET_ERASURE, LIST_ERASURES

ROLES: Final = frozenset({StaffRole.DESK, StaffRole.ADMIN})  # a receipt names nobody
DONE: Final = "done"
ID_LIMIT: Final = 64


async def show_list(visit: Visit) -> View:
    """List the receipts, the latest first."""
    words = visit.words
    columns = (
        Column("privacy.receipt.id", lambda each: Link(each.id[:12], f"{ROOT}/erasures/{each.id}"), wide=True),
        Column("privacy.receipt.state", lambda each: _state(words, each)),
        Column("privacy.receipt.by", lambda each: words(f"privacy.by.{each.requested_by}")),
        Column("privacy.receipt.asked", lambda each: Moment(each.request_time)),
        Column("privacy.receipt.ended", lambda each: Moment(each.done_time) if each.HasField("done_time") else None),
        Column("privacy.receipt.progress", lambda each: Share(each.progress_percent / 100, bar=True), numeric=True),
    )
    request = pb.ListErasuresRequest(page_size=visit.page_size("erasures"), page_token=visit.cursor("erasures"))
    answer = await visit.ask(LIST_ERASURES, request)
    table = Table(
        "erasures",
        columns,
        answer.erasures,
        answer.next_page_token,
        empty="privacy.receipts.empty",
        empty_hint="privacy.receipts.empty_hint",
    )
    return {"erasures": table}


async def show_one(visit: Visit) -> View:
    """Show one receipt, service by service."""
    erasure = await visit.ask(GET_ERASURE, pb.GetErasureRequest(id=visit.path["id"][:ID_LIMIT]))
    columns = (
        Column("privacy.receipt.service", lambda each: each.service, wide=True),
        Column("privacy.receipt.logs", lambda each: _moment(each, "logs_time")),
        Column("privacy.receipt.copies", lambda each: _moment(each, "copies_time")),
        *(_count(kind) for kind in ("events", "documents", "projections", "snapshots", "files")),
        Column("privacy.receipt.proof", lambda each: each.proof[:16]),
    )
    return {
        "erasure": erasure,
        "state": _state(visit.words, erasure),
        "services": Table("services", columns, erasure.services),
        "is_done": erasure.state == DONE,
        "events": sum(each.counts.get("events", 0) for each in erasure.services),
    }


def _count(kind: str) -> Column:
    return Column(f"privacy.receipt.{kind}", lambda each: each.counts.get(kind, 0), numeric=True)


def _moment(service: Any, field: str) -> Moment | None:
    return Moment(getattr(service, field), relative=False) if service.HasField(field) else None


def _state(words: Any, erasure: pb.Erasure) -> Chip:
    return Chip(words(f"privacy.state.{erasure.state}"), "good" if erasure.state == DONE else "info")


LIST: Final = Page(
    path="/erasures",
    roles=ROLES,
    title="privacy.receipts.page",
    help="privacy.receipts.help",
    template="privacy/receipts.html",
    show=show_list,
    nav="privacy",
)
RECEIPT: Final = Page(
    path="/erasures/{id}",
    roles=ROLES,
    title="privacy.receipt.page",
    help="privacy.receipts.help",
    template="privacy/receipt.html",
    show=show_one,
)

"""How records and orders are written down."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.kits.pieces import Move, Step, row_of_step, step_from_row
from services.kits.text.identifiers import VISITOR, kind_of
from services.knowledge.domain.classes import Tally
from services.knowledge.domain.facts import AccountStatement, ConsentStatement, SaidOf, Statement
from services.knowledge.domain.identifiers import account_id
from services.knowledge.domain.identity import Link, Node
from services.knowledge.domain.purchases import Line, Order, bought_of
from services.knowledge.domain.statements import Record

TRUNK_LINKS_KEPT = 64  # of one kind; an identifier with more is shared by many, whichever are kept
VISITOR_LINKS_KEPT = 128
STEPS = "steps"
COUNTERS_KEPT = 64  # combinations of stronger identifiers, of one channel

Body = dict[str, Any]


def order_body(order: Order, steps: Sequence[Step] = ()) -> Body:
    """Write an order as it was told; lines as arrays, for there are ten times as many of them as of anything else."""
    return {
        "shop": order.shop,
        "kind": order.kind,
        "number": order.number,
        "subject": order.subject,
        "time_us": order.time_us,
        "channel": order.channel,
        "currency": order.currency,
        "total_minor": order.total_minor,
        "authority": order.authority,
        "recorded_us": order.recorded_us,
        "event_key": order.event_key,
        "lines": [list(line) for line in order.lines],
        **({"numbers": list(order.numbers)} if order.numbers else {}),
        **(steps_body(steps) if steps else {}),
    }


def steps_body(steps: Sequence[Step]) -> Body:
    """Write what moved an order's pieces; it may be known before the order is."""
    return {STEPS: [row_of_step(step) for step in steps]}


def steps_from_body(body: Mapping[str, Any] | None) -> tuple[Step, ...]:
    """Read what moved an order's pieces."""
    return () if body is None else tuple([step_from_row(row) for row in body.get(STEPS, ())])


def is_placed(body: Mapping[str, Any]) -> bool:
    """Tell whether an order is known, and not only what moved its pieces."""
    return "subject" in body


def bought_from_body(body: Mapping[str, Any]) -> Order | None:
    """Read what counts of an order, None where all of it was cancelled."""
    return bought_of(order_from_body(body), steps_from_body(body))


def order_from_body(body: Mapping[str, Any]) -> Order:
    """Read an order as it was told."""
    return Order(
        shop=body["shop"],
        kind=body["kind"],
        number=body["number"],
        subject=body["subject"],
        time_us=body["time_us"],
        channel=body["channel"],
        currency=body["currency"],
        total_minor=body["total_minor"],
        lines=tuple([Line(*each) for each in body["lines"]]),
        authority=body["authority"],
        recorded_us=body["recorded_us"],
        event_key=body["event_key"],
        numbers=tuple(body.get("numbers", ())),
    )


def tally_order_body(tally: Tally, body: Mapping[str, Any], own_label: frozenset[str]) -> None:
    """Count a stored order without making an Order of it: a pass over all orders spends its time here."""
    if any(row[0] == Move.CANCEL for row in body.get(STEPS, ())):
        order = bought_from_body(body)
        if order is not None:
            tally.add(order, own_label)
        return
    goods = [line for line in body["lines"] if not line[5]]
    counts = (
        len(goods),
        sum([line[3] > 0 for line in goods]),
        sum([line[4] > 0 for line in goods]),
        sum([line[0] in own_label for line in goods]) if own_label else 0,
    )
    tally.add_counted(body["kind"], body["currency"], body["total_minor"], body["time_us"], counts)


def record_body(record: Record) -> Body:
    """Write what was stated of an identifier. ``account_id`` is indexed."""
    node, said = record.node, record.said
    return {
        "identifier": record.identifier,
        "links": links_body(kept_links(node.links)),
        "unverified": links_body(kept_links(node.unverified)),
        "partings": dict(node.partings),
        "lifted": sorted(node.lifted),
        "claims": {
            name: [[each.time_us, each.source, each.value] for each in statements]
            for name, statements in said.claims.items()
        },
        "consents": {purpose: [each.granted, each.time_us, each.source] for purpose, each in said.consents.items()},
        "account": None if said.account is None else [said.account.time_us, said.account.external_id],
        "account_id": None if said.account is None else account_id(said.account.external_id),
    }


def record_from_body(body: Mapping[str, Any]) -> Record:
    """Read what was stated of an identifier."""
    identifier = body["identifier"]
    account = body["account"]
    return Record(
        Node(
            identifier,
            links_from_body(body["links"]),
            links_from_body(body["unverified"]),
            body["partings"],
            frozenset(body["lifted"]),
        ),
        SaidOf(
            identifier,
            {name: tuple([Statement(*each) for each in statements]) for name, statements in body["claims"].items()},
            {purpose: ConsentStatement(*each) for purpose, each in body["consents"].items()},
            None if account is None else AccountStatement(*account),
        ),
    )


def activity_from_body(body: Mapping[str, Any]) -> Record:
    """Read what was seen of an identifier."""
    identifier = body["identifier"]
    return Record(
        Node(identifier, links_from_body(body["links"]), links_from_body(body["unverified"])),
        SaidOf(
            identifier,
            first_seen_us=body["first_us"],
            last_seen_us=body["last_us"],
            channels={
                channel: {tuple(stronger.split("\n")) if stronger else (): count for stronger, count in counts.items()}
                for channel, counts in body["channels"].items()
            },
        ),
    )


def links_body(links: Mapping[str, Link]) -> Body:
    """Write edges."""
    return {other: [link.evidence, link.source, link.time_us] for other, link in links.items()}


def links_from_body(links: Mapping[str, Any]) -> dict[str, Link]:
    """Read edges."""
    return {other: Link(*link) for other, link in links.items()}


def kept_links(links: Mapping[str, Link]) -> dict[str, Link]:
    """Return the edges that are kept: the first by text of each kind, so that no order of arrival shows."""
    if len(links) <= TRUNK_LINKS_KEPT:
        return dict(links)
    return {other: links[other] for other in kept_neighbours(links)}


def kept_neighbours(neighbours: Iterable[str]) -> list[str]:
    """Return the neighbours of which edges are kept."""
    room: dict[str, int] = {VISITOR: VISITOR_LINKS_KEPT}
    kept = []
    for other in sorted(neighbours):
        kind = kind_of(other)
        left = room.get(kind, TRUNK_LINKS_KEPT)
        if left:
            kept.append(other)
            room[kind] = left - 1
    return kept

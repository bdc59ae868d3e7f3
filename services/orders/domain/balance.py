"""Conserves pieces: of every line ordered = open + shipped + cancelled, and returned <= delivered <= shipped.

Facts take their pieces in order. What a fact says beyond what is there is kept as a remark with its number of pieces;
it is never counted and never dropped in silence.
"""

from collections.abc import Iterable, Mapping, Sequence

from services.orders.domain.events import OrderEvent, Portion
from services.orders.domain.lifecycle import LINE_CANCELLED, ORDER_CANCELLED, Parcel
from services.orders.domain.order import Line, Placing
from services.orders.domain.parcels import ParcelHistory
from services.orders.domain.remarks import Doubt, Remark


class LineBalance:
    """Where the pieces of one line are. Mutable while it is folded."""

    __slots__ = ("cancelled", "delivered", "line", "returned", "shipped")

    def __init__(self, line: Line) -> None:
        self.line = line
        self.shipped = self.cancelled = self.delivered = self.returned = 0

    @property
    def open(self) -> int:
        """Pieces that are neither shipped nor cancelled."""
        return self.line.quantity - self.shipped - self.cancelled


Balance = dict[int, LineBalance]
Contents = dict[ParcelHistory, dict[int, int]]


def balance_of(
    placing: Placing | None,
    events: Sequence[OrderEvent],
    parcels: Sequence[ParcelHistory],
    remarks: list[Remark],
) -> tuple[Balance, Contents]:
    """Return where the pieces are, and what each parcel holds. ``events``: those of shipment and of the order."""
    balance = {line.number: LineBalance(line) for line in placing.lines} if placing is not None else {}
    contents: Contents = {}
    if placing is None:
        return balance, contents
    if placing.handed_over:
        _hand_over(balance.values())
    packed = {parcel.created.id: parcel for parcel in parcels if parcel.created is not None}
    for event in events:
        parcel = packed.get(event.id)
        if parcel is not None:
            if parcel.holds_goods:
                contents[parcel] = _ship(balance, event, remarks)
        elif event.type in (LINE_CANCELLED, ORDER_CANCELLED):
            _cancel(balance, event, remarks)
    for parcel, held in contents.items():
        if parcel.state is Parcel.DELIVERED:
            for number, pieces in held.items():
                balance[number].delivered += pieces
    return balance, contents


def take_back(
    balance: Balance, received: Iterable[tuple[OrderEvent, Sequence[Portion]]], remarks: list[Remark]
) -> None:
    """Count what came back, of what was delivered. After all that was delivered is known, whenever it is dated."""
    for event, portions in received:
        for portion in portions:
            line = _known(balance, event, portion, remarks)
            if line is None:
                continue
            there = line.delivered - line.returned
            wanted = there if portion.quantity is None else portion.quantity
            line.returned += min(wanted, there)
            if wanted > there:
                remarks.append(Remark(Doubt.OVER_RETURNED, event.id, portion.line, wanted - there))


def goods(balance: Mapping[int, LineBalance]) -> list[LineBalance]:
    """Return the lines that are shipped: all but charges."""
    return [each for each in balance.values() if not each.line.is_charge]


def _hand_over(lines: Iterable[LineBalance]) -> None:
    for each in lines:
        if not each.line.is_charge:
            each.shipped = each.delivered = each.line.quantity


def _ship(balance: Balance, event: OrderEvent, remarks: list[Remark]) -> dict[int, int]:
    """Put into a parcel what its fact names, or all that is open where it names nothing."""
    held: dict[int, int] = {}
    for portion in event.portions or [Portion(each.line.number) for each in goods(balance) if each.open]:
        line = _known(balance, event, portion, remarks)
        if line is None:
            continue
        there = line.open
        wanted = there if portion.quantity is None else portion.quantity
        taken = min(wanted, there)
        line.shipped += taken
        if taken:
            held[portion.line] = held.get(portion.line, 0) + taken
        if wanted > there:
            remarks.append(Remark(Doubt.OVER_SHIPPED, event.id, portion.line, wanted - there))
    if not held and not event.portions:
        remarks.append(Remark(Doubt.OVER_SHIPPED, event.id))
    return held


def _cancel(balance: Balance, event: OrderEvent, remarks: list[Remark]) -> None:
    everything = [Portion(each.line.number) for each in balance.values() if each.open]
    if event.type == ORDER_CANCELLED and not everything:
        remarks.append(Remark(Doubt.OVER_CANCELLED, event.id))
    for portion in everything if event.type == ORDER_CANCELLED else event.portions:
        line = _known(balance, event, portion, remarks)
        if line is None:
            continue
        there = line.open
        wanted = there if portion.quantity is None else portion.quantity
        line.cancelled += min(wanted, there)
        if wanted > there:
            remarks.append(Remark(Doubt.OVER_CANCELLED, event.id, portion.line, wanted - there))


def _known(balance: Balance, event: OrderEvent, portion: Portion, remarks: list[Remark]) -> LineBalance | None:
    line = balance.get(portion.line)
    if line is None:
        remarks.append(Remark(Doubt.LINE_UNKNOWN, event.id, portion.line, portion.quantity or 0))
    return line

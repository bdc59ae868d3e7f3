"""Imports of orders end to end but for the process: every row is accounted for, again is what stands already, a crash
doubles nothing, and a corrected file replaces the order.
"""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.chassis.documents.port import StoreUnavailableError
from services.chassis.operation_run import Progress
from services.kits.imports import running
from services.kits.imports.errors import ImportConfigError
from services.kits.imports.plan import CSV, NDJSON, ImportPlan
from services.kits.imports.staging_process import stage_in_process
from services.orders.domain.headline import Headline
from services.orders.domain.order import OrderRef
from services.orders.domain.remarks import Doubt
from services.orders.jobs import importing
from services.orders.jobs.importing import Importing
from services.orders.jobs.staging import CURRENCY, STAGES, TIME_ZONE
from services.orders.main import STAGING
from services.orders.usecases.reading import OrderAnswer
from tests.fakes.imports import RunningImports
from tests.unit.services.orders.conftest import World, placing

ORDER_FILE = b"""order_number,occurred_time,product_id,quantity,unit_price,card
1,2025-12-01T08:26:00Z,p-1,2,2.50,1001
2,2025-11-01T08:26:00Z,p-2,1,1.00,
1,2025-12-01T08:26:00Z,p-3,1,1.00,1001
C3,2025-12-02T08:26:00Z,p-1,-1,2.50,1001
1,2025-12-01T08:26:00Z,POST,1,3.00,1001
4,2025-12-03T08:26:00Z,p-1,0,2.50,1001
5,not a time,p-1,1,2.50,1001
"""
ORDER_OPTIONS = {"cancelled_prefix": "C", "charge_products": "POST"}


class Imports:
    """Runs imports on a world."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        rules = {TIME_ZONE: "Asia/Shanghai", CURRENCY: "CNY"}
        self.running = RunningImports(folder, world.clock, STAGES, rules)

    async def run(self, content: bytes = ORDER_FILE, *, operation: str = "", **fields: Any) -> Progress:
        given: dict[str, Any] = {"format": CSV, "owner": "key", "options": ORDER_OPTIONS, **fields}
        importing = Importing(self.running.parts, self.world.log, self.world.orders, self.world.settle)
        progress = await self.running.run(importing.run_import, content, ImportPlan(**given), operation=operation)
        await self.world.settle()
        return progress

    async def order(self, number: str, kind: str = "") -> OrderAnswer:
        return await self.world.reading.get(OrderRef("main", number, kind).id)


@pytest.fixture
def imports(world: World, tmp_path: Path) -> Imports:
    return Imports(world, tmp_path)


async def test_every_row_is_accounted_for(imports: Imports) -> None:
    progress = await imports.run()
    assert (progress.rows, progress.accepted, progress.rejected, progress.duplicate) == (7, 5, 2, 0)
    assert progress.accepted_by_kind == {"order-line": 2, "anonymous-order": 1, "return": 1, "charge": 1}
    assert progress.rejected_by_reason == {"QUANTITY_NOT_POSITIVE": 1, "TIME_INVALID": 1}
    assert progress.done_bytes == progress.total_bytes == len(ORDER_FILE)
    errors = await imports.running.errors(progress)
    assert [(each["row"], each["reason"], each["raw"][0]) for each in errors] == [
        (6, "QUANTITY_NOT_POSITIVE", "4"),
        (7, "TIME_INVALID", "5"),
    ]


async def test_imported_orders_are_facts_at_their_own_time_oldest_first(imports: Imports) -> None:
    await imports.run(shop="north", channel="store")
    events = await imports.world.events()
    assert [event.payload["order"]["number"] for event in events] == ["2", "1", "C3"]
    assert [event.occurred_time for event in events] == [
        datetime(2025, 11, 1, 8, 26, tzinfo=UTC) + timedelta(days=days) for days in (0, 30, 31)
    ]
    assert {(event.type, event.shop, event.channel) for event in events} == {("order-placed", "north", "store")}
    assert [event.subject for event in events] == ["order:north/2", "order:north/1", "order:north/C3"]


async def test_an_imported_order_stands_as_its_rows_say(imports: Imports) -> None:
    await imports.run(channel="store")
    sold, returned = (await imports.order("1")).state, (await imports.order("C3", "return")).state
    assert sold.placing is not None
    assert (sold.placing.total_minor, sold.placing.identifiers) == (900, ("card:1001",))
    assert (sold.headline, returned.headline) == (Headline.DELIVERED, Headline.CREDITED)


async def test_a_dry_run_counts_the_same_and_writes_nothing(imports: Imports) -> None:
    dry = await imports.run(dry_run=True)
    assert await imports.world.events() == []
    wet = await imports.run()
    assert (dry.accepted_by_kind, dry.rejected_by_reason) == (wet.accepted_by_kind, wet.rejected_by_reason)


async def test_the_same_file_again_is_all_there_already(imports: Imports) -> None:
    await imports.run()
    again = await imports.run()
    assert (again.accepted, again.duplicate, again.rejected) == (0, 5, 2)
    assert len(await imports.world.events()) == 3


async def test_a_corrected_file_replaces_the_order_and_the_first_again_replaces_it_back(imports: Imports) -> None:
    corrected = ORDER_FILE.replace(b"p-1,2,2.50", b"p-1,3,2.50")
    totals, told = [], []
    for content in (ORDER_FILE, corrected, ORDER_FILE, ORDER_FILE, corrected):
        progress = await imports.run(content)
        imports.world.clock.advance(1)
        state = (await imports.order("1")).state
        assert state.placing is not None
        totals.append(state.placing.total_minor)
        told.append((progress.accepted, progress.duplicate))
        assert Doubt.ORDER_PLACED_TWICE not in {remark.doubt for remark in state.remarks}
    assert totals == [900, 1_150, 900, 900, 1_150]
    assert told == [(5, 0), (3, 2), (3, 2), (0, 5), (3, 2)]


async def test_an_order_that_the_shop_placed_before_is_corrected_by_its_books(imports: Imports) -> None:
    await imports.world.write(placing(imports.world, "1"))
    await imports.run()
    state = (await imports.order("1")).state
    assert state.placing is not None
    assert (state.placing.total_minor, len(state.void)) == (900, 1)


async def test_a_load_tests_order_takes_nothing_back(imports: Imports) -> None:
    await imports.run()
    progress = await imports.run(ORDER_FILE.replace(b"p-1,2,2.50", b"p-1,3,2.50"), synthetic=True)
    assert progress.accepted == 5
    state = (await imports.order("1")).state
    assert state.placing is not None
    assert state.placing.total_minor == 900
    assert [event.synthetic for event in await imports.world.events()] == [False] * 3 + [True] * 3


async def test_an_order_of_which_too_much_is_told_takes_no_correction(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    await imports.run()
    monkeypatch.setattr(importing, "MAX_ORDER_EVENTS", 1)
    progress = await imports.run(ORDER_FILE.replace(b"p-1,2,2.50", b"p-1,3,2.50"))
    assert progress.rejected_by_reason["ORDER_FULL"] == 3
    assert (progress.accepted, progress.duplicate) == (0, 2)


async def test_an_interrupted_import_is_done_again_and_doubles_nothing(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "BATCH_ROWS", 2)
    monkeypatch.setattr(running, "BUSY_TRIES", 1)
    append, calls = imports.world.log.append, 0

    async def dies_at_the_second(events: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StoreUnavailableError("the process died here")
        return await append(events)

    monkeypatch.setattr(imports.world.log, "append", dies_at_the_second)
    with pytest.raises(StoreUnavailableError):
        await imports.run(operation="orders.x")
    progress = await imports.run(operation="orders.x")
    assert progress.accepted + progress.duplicate == 5
    assert len(await imports.world.events()) == 3


async def test_an_interrupted_correction_is_done_again_and_corrects_once(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    corrected = ORDER_FILE.replace(b"p-1,2,2.50", b"p-1,3,2.50")
    for content in (ORDER_FILE, corrected):
        await imports.run(content)
    append = imports.world.log.append

    async def is_written_and_dies(events: Any) -> Any:
        await append(events)
        raise RuntimeError("the process died here")

    with monkeypatch.context() as patched:
        patched.setattr(imports.world.log, "append", is_written_and_dies)
        with pytest.raises(RuntimeError):
            await imports.run(operation="orders.x")
    progress = await imports.run(operation="orders.x")
    assert (progress.accepted, progress.duplicate) == (0, 5)
    assert len(await imports.world.events()) == 5


async def test_no_bad_row_takes_another_with_it_and_the_error_file_holds_each(imports: Imports) -> None:
    header, good = (
        b"order_number,occurred_time,product_id,quantity,unit_price,card",
        b",2025-12-01T08:26:00Z,p-1,1,1.00,1001",
    )
    bad = [b'"open' + good, b"\xb0\xa1" + good, b"x" * 2_000_000 + good, b"short,row", b'"a"b' + good,
           "９".encode() + good.replace(b",1,", ",１,".encode()), b"7" + good.replace(b"2025", b"0001")]  # fmt: skip
    lines = [header]
    for number, each in enumerate(bad):
        lines += [b"G%d" % number + good, each]
    lines.append(b"last" + good)
    progress = await imports.run(b"\xef\xbb\xbf" + b"\r\n".join(lines))
    assert progress.rows == progress.accepted + progress.rejected == 2 * len(bad) + 1
    assert progress.rejected_by_reason == {
        "ROW_MALFORMED": 2, "ROW_ENCODING": 1, "ROW_TOO_LONG": 1, "ROW_SHAPE": 1, "QUANTITY_INVALID": 1,
        "EVENT_TOO_OLD": 1,
    }  # fmt: skip
    errors = await imports.running.errors(progress)
    assert [each["row"] for each in errors] == list(range(2, 2 * len(bad) + 1, 2))
    assert all(each["message"] and each["raw"] for each in errors)
    numbers = [event.payload["order"]["number"] for event in await imports.world.events()]
    assert sorted(numbers) == sorted([*(f"G{number}" for number in range(len(bad))), "last"])


async def test_a_broken_line_among_objects_costs_itself(imports: Imports) -> None:
    order = {"order_number": "1", "occurred_time": "2025-12-01T08:26:00Z", "product_id": "p", "quantity": 1,
             "unit_price": "1.00"}  # fmt: skip
    lines = [orjson.dumps({**order, "order_number": str(number)}) for number in range(5)]
    lines[2] = lines[2][:-5]
    content = b"\n".join([*lines, orjson.dumps({**order, "order_number": "6", "colour": "red"})])
    progress = await imports.run(content, format=NDJSON, options={})
    assert (progress.rows, progress.accepted) == (6, 4)
    assert progress.rejected_by_reason == {"ROW_MALFORMED": 1, "UNKNOWN_FIELD": 1}


async def test_a_file_of_objects_without_a_line_is_no_rows(imports: Imports) -> None:
    progress = await imports.run(b"\n \r\n", format=NDJSON, options={})
    assert (progress.rows, progress.rejected, progress.done_bytes) == (0, 0, 4)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfeo\x00r\x00d\x00e\x00r\x00\n\x00",
        "订单号,时间\n".encode("gb18030"),
        b"order_number,card\n1,2\n",
        b"order_number,occurred_time,product_id,quantity,quantity\n",
    ],
)
async def test_a_file_without_the_columns_that_orders_need_ends_the_import(imports: Imports, content: bytes) -> None:
    with pytest.raises(ImportConfigError):
        await imports.run(content)


async def test_the_real_process_says_the_same(imports: Imports) -> None:
    imports.running.stage = partial(stage_in_process, STAGING)
    progress = await imports.run()
    assert (progress.rows, progress.accepted, progress.rejected) == (7, 5, 2)

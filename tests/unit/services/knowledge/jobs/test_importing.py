"""Imports end to end but for the process: every row is accounted for, again is a duplicate, a crash doubles nothing."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.chassis.artifacts.local import LocalArtifacts
from services.chassis.documents.port import StoreUnavailableError
from services.chassis.errors import ZhikeError
from services.chassis.operation_run import Operation, OperationRun, OperationState, Progress
from services.knowledge.domain.errors import ImportConfigError, StagingFailedError
from services.knowledge.domain.import_plan import CSV, CUSTOMERS, EVENTS, NDJSON, ORDERS, ImportPlan
from services.knowledge.jobs import importing, staging
from services.knowledge.jobs.importing import Importing
from services.knowledge.jobs.staging import StagingTask
from services.knowledge.jobs.staging_process import stage_in_process
from services.knowledge.store.collections import CUSTOMER_CLAIMS, USER_EVENTS
from services.knowledge.wire.imports import arguments_of
from tests.unit.services.knowledge.conftest import World
from tests.unit.services.knowledge.store.test_projections import purchase

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
CUSTOMER_FILE = (
    "card,login,phone,phone_verified,household,name,Age Band,consent_marketing\n"
    "1001,li,13911223344,true,H1,李伟,35-44,false\n"
    "1002,,13800138000,true,H1,Wang,,true\n"
    "1001,li,13911223344,true,H1,李伟,35-44,false\n"
    ",,,,,nobody,,\n"
).encode()


async def staged_here(task: StagingTask) -> AsyncGenerator[Mapping[str, Any], None]:
    """Do what the process does, in this one."""
    said: list[Mapping[str, Any]] = []
    staging.stage(task, said.append)
    for message in said:
        yield orjson.loads(orjson.dumps(message))


class Imports:
    """Runs imports on a world."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.artifacts = LocalArtifacts(folder / "artifacts")
        self.stage: Any = staged_here
        self.number = 0

    async def run(
        self, kind: str, content: bytes, plan: ImportPlan, *, operation: str = "", progress: Progress | None = None
    ) -> Progress:
        self.number += 1
        await self.artifacts.open()
        blob = await self.artifacts.put(content)
        state = Operation(
            operation or f"knowledge.{self.number}",
            f"import-{kind}",
            OperationState.RUNNING,
            arguments_of(plan, blob.digest, blob.size_bytes),
            progress or Progress(),
            self.world.clock.now(),
        )
        saved: list[int] = []

        async def save(run: OperationRun) -> None:
            saved.append(run.progress.rows)

        run = OperationRun(state, save, self.world.clock)
        parts = Importing(
            folder=self.folder / "imports",
            artifacts=self.artifacts,
            user_events=self.world.logs[USER_EVENTS],
            customer_claims=self.world.logs[CUSTOMER_CLAIMS],
            customers=self.world.customers,
            clock=self.world.clock,
            time_zone="Asia/Shanghai",
            currency="CNY",
            read_back=self.world.settle,
            new_id=lambda: str(self.number),
            stage=self.stage,
        )
        with closing(run):
            await parts.worker(kind)(run)
            await run.put_error_file(self.artifacts)
        await self.world.settle()
        return run.progress


@pytest.fixture
def imports(world: World, tmp_path: Path) -> Imports:
    return Imports(world, tmp_path)


def orders(content: bytes = ORDER_FILE, **fields: Any) -> tuple[str, bytes, ImportPlan]:
    return ORDERS, content, ImportPlan(CSV, owner="key", options=ORDER_OPTIONS, **fields)


async def test_every_row_of_an_orders_file_is_accounted_for(imports: Imports) -> None:
    progress = await imports.run(*orders())
    assert (progress.rows, progress.accepted, progress.rejected, progress.duplicate) == (7, 5, 2, 0)
    assert progress.accepted_by_kind == {"order-line": 2, "anonymous-order": 1, "return": 1, "charge": 1}
    assert progress.rejected_by_reason == {"QUANTITY_NOT_POSITIVE": 1, "TIME_INVALID": 1}
    assert progress.done_bytes == progress.total_bytes == len(ORDER_FILE)
    errors = [orjson.loads(line) for line in (await imports.artifacts.read(progress.error_file)).splitlines()]
    assert [(each["row"], each["reason"], each["raw"][0]) for each in errors] == [
        (6, "QUANTITY_NOT_POSITIVE", "4"),
        (7, "TIME_INVALID", "5"),
    ]


async def test_imported_orders_are_events_at_their_own_time_oldest_first(imports: Imports) -> None:
    await imports.run(*orders(shop="north", channel="store"))
    events = await imports.world.events(USER_EVENTS)
    assert [event.payload["order"]["number"] for event in events] == ["2", "1", "C3"]
    assert [event.occurred_time.isoformat()[:10] for event in events] == ["2025-11-01", "2025-12-01", "2025-12-02"]
    assert {(event.type, event.shop, event.channel) for event in events} == {("purchase-complete", "north", "store")}
    customer = await imports.world.customer("card:1001")
    assert (customer.purchases.orders, customer.purchases.spend_minor, customer.purchases.returned_units) == (1, 650, 1)


async def test_a_dry_run_counts_the_same_and_writes_nothing(imports: Imports) -> None:
    dry = await imports.run(*orders(dry_run=True))
    assert await imports.world.events(USER_EVENTS) == []
    wet = await imports.run(*orders())
    assert (dry.accepted_by_kind, dry.rejected_by_reason) == (wet.accepted_by_kind, wet.rejected_by_reason)


async def test_the_same_file_again_is_all_duplicates(imports: Imports) -> None:
    await imports.run(*orders())
    again = await imports.run(*orders())
    assert (again.accepted, again.duplicate, again.rejected) == (0, 5, 2)
    assert len(await imports.world.events(USER_EVENTS)) == 3


async def test_a_corrected_file_replaces_the_order_and_the_first_again_replaces_it_back(imports: Imports) -> None:
    corrected = ORDER_FILE.replace(b"p-1,2,2.50", b"p-1,3,2.50")
    spends = []
    for content in (ORDER_FILE, corrected, ORDER_FILE, ORDER_FILE):
        await imports.run(*orders(content))
        imports.world.clock.advance(1)
        spends.append((await imports.world.customer("card:1001")).purchases.spend_minor)
    assert spends == [650, 900, 650, 650]
    assert (await imports.world.customer("card:1001")).purchases.orders == 1


async def test_a_browsers_purchase_and_the_imported_order_count_once(imports: Imports) -> None:
    await imports.world.write(purchase("b", imports.world, "1"))
    await imports.run(*orders())
    assert (await imports.world.customer("card:1001")).purchases.orders == 1


async def test_customers_are_imported_with_identifiers_facts_consent_and_household(imports: Imports) -> None:
    progress = await imports.run(CUSTOMERS, CUSTOMER_FILE, ImportPlan(CSV, owner="key", options={"source": "crm"}))
    assert (progress.rows, progress.accepted, progress.duplicate, progress.rejected) == (4, 2, 1, 1)
    li, wang = await imports.world.customer("card:1001"), await imports.world.customer("card:1002")
    assert li.person.identifiers == ("card:1001", "login:li", "phone:+8613911223344")
    assert {fact.field: (fact.value, fact.source) for fact in li.facts} == {
        "name": ("李伟", "crm"),
        "age_band": ("35-44", "crm"),
    }
    assert {each.purpose: each.state for each in li.consents}["marketing"] == "denied"
    assert li.account_id == wang.account_id
    assert li.id != wang.id
    assert wang.person.refused[0].identifier == "phone:+8613800138000"


async def test_customers_again_are_duplicates_and_a_changed_row_is_news(imports: Imports) -> None:
    plan = ImportPlan(CSV, owner="key")
    await imports.run(CUSTOMERS, CUSTOMER_FILE, plan)
    again = await imports.run(CUSTOMERS, CUSTOMER_FILE, plan)
    assert (again.accepted, again.duplicate, again.rejected) == (0, 3, 1)
    imports.world.clock.advance(1)
    changed = await imports.run(CUSTOMERS, CUSTOMER_FILE.replace(b"Wang", b"Wong"), plan)
    assert (changed.accepted, changed.duplicate) == (1, 2)
    assert (await imports.world.customer("card:1002")).facts[0].value == "Wong"


async def test_a_row_that_names_a_customer_and_says_nothing_else_makes_the_customer_once(imports: Imports) -> None:
    plan = ImportPlan(CSV, owner="key")
    progress = await imports.run(CUSTOMERS, b"card,name\n1001,\n", plan)
    assert (progress.accepted, progress.duplicate) == (1, 0)
    assert (await imports.world.customer("card:1001")).person.identifiers == ("card:1001",)
    again = await imports.run(CUSTOMERS, b"card,name\n1001,\n", plan)
    assert (again.accepted, again.duplicate) == (0, 1)


async def test_customers_come_as_objects_and_with_columns_of_other_names(imports: Imports) -> None:
    content = orjson.dumps({"member_no": "1001", "name": "Li"}) + b"\n" + b"broken\n"
    progress = await imports.run(CUSTOMERS, content, ImportPlan(NDJSON, columns={"card": "member_no"}))
    assert (progress.accepted, progress.rejected_by_reason) == (1, {"ROW_MALFORMED": 1})
    assert (await imports.world.customer("card:1001")).facts[0].value == "Li"


async def test_events_are_imported_however_old_and_each_bad_one_is_named(imports: Imports) -> None:
    event = {"type": "home-page-view", "time": "1999-01-01T00:00:00Z", "identifiers": ["login:li"]}
    lines = [{**event, "id": "e1"}, {**event, "id": "e2", "type": "thought"}, {"id": 7}, {**event, "id": "e1"},
             {**event, "id": "e1", "channel": "app"}]  # fmt: skip
    content = b"\n".join(map(orjson.dumps, lines)) + b"\n\n"
    progress = await imports.run(EVENTS, content, ImportPlan(NDJSON, owner="key", synthetic=True))
    assert (progress.rows, progress.accepted, progress.duplicate, progress.rejected) == (5, 1, 1, 3)
    assert progress.rejected_by_reason == {"UNKNOWN_EVENT_TYPE": 1, "EVENT_MALFORMED": 1, "EVENT_ID_REUSED": 1}
    (stored,) = await imports.world.events(USER_EVENTS)
    assert stored.synthetic


@pytest.mark.parametrize(
    ("bound", "value", "appended"),
    [("BATCH_ROWS", 3, [3]), ("BATCH_ROWS", 2, [2, 1]), ("BATCH_BYTES", 1, [1, 1, 1]), ("BATCH_BYTES", 10_000, [3])],
)
async def test_what_is_appended_at_once_is_bounded_by_events_and_by_bytes(
    imports: Imports, monkeypatch: pytest.MonkeyPatch, bound: str, value: int, appended: list[int]
) -> None:
    monkeypatch.setattr(importing, bound, value)
    log = imports.world.logs[USER_EVENTS]
    append, sizes = log.append, []

    async def counted(events: Any) -> Any:
        sizes.append(len(events))
        return await append(events)

    monkeypatch.setattr(log, "append", counted)
    await imports.run(*orders())
    assert sizes == appended


async def test_an_interrupted_import_is_done_again_and_doubles_nothing(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH_ROWS", 2)
    monkeypatch.setattr(importing, "BUSY_TRIES", 1)
    log = imports.world.logs[USER_EVENTS]
    append, calls = log.append, 0

    async def dies_at_the_second(events: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise StoreUnavailableError("the process died here")
        return await append(events)

    monkeypatch.setattr(log, "append", dies_at_the_second)
    with pytest.raises(StoreUnavailableError):
        await imports.run(*orders(), operation="knowledge.x")
    progress = await imports.run(*orders(), operation="knowledge.x")
    assert progress.accepted + progress.duplicate == 5
    assert len(await imports.world.events(USER_EVENTS)) == 3
    assert list((imports.folder / "imports").iterdir()) == []


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
    progress = await imports.run(*orders(b"\xef\xbb\xbf" + b"\r\n".join(lines)))
    assert progress.rows == progress.accepted + progress.rejected == 2 * len(bad) + 1
    assert progress.rejected_by_reason == {
        "ROW_MALFORMED": 2, "ROW_ENCODING": 1, "ROW_TOO_LONG": 1, "ROW_SHAPE": 1, "QUANTITY_INVALID": 1,
        "EVENT_TOO_OLD": 1,
    }  # fmt: skip
    errors = [orjson.loads(line) for line in (await imports.artifacts.read(progress.error_file)).splitlines()]
    assert [each["row"] for each in errors] == list(range(2, 2 * len(bad) + 1, 2))
    assert all(each["message"] and each["raw"] for each in errors)
    numbers = [event.payload["order"]["number"] for event in await imports.world.events(USER_EVENTS)]
    assert sorted(numbers) == sorted([*(f"G{number}" for number in range(len(bad))), "last"])


async def test_a_broken_line_among_objects_costs_itself(imports: Imports) -> None:
    order = {"order_number": "1", "occurred_time": "2025-12-01T08:26:00Z", "product_id": "p", "quantity": 1,
             "unit_price": "1.00"}  # fmt: skip
    lines = [orjson.dumps({**order, "order_number": str(number)}) for number in range(5)]
    lines[2] = lines[2][:-5]
    content = b"\n".join([*lines, orjson.dumps({**order, "order_number": "6", "colour": "red"})])
    progress = await imports.run(ORDERS, content, ImportPlan(NDJSON, owner="key"))
    assert (progress.rows, progress.accepted) == (6, 4)
    assert progress.rejected_by_reason == {"ROW_MALFORMED": 1, "UNKNOWN_FIELD": 1}


@pytest.mark.parametrize("kind", [ORDERS, CUSTOMERS, EVENTS])
async def test_a_file_of_objects_without_a_line_is_no_rows(imports: Imports, kind: str) -> None:
    progress = await imports.run(kind, b"\n \r\n", ImportPlan(NDJSON, owner="key"))
    assert (progress.rows, progress.rejected, progress.done_bytes) == (0, 0, 4)


async def test_a_customers_file_with_headers_of_its_own_language_and_encoding(imports: Imports) -> None:
    content = "会员号;姓名;备注\n１００１;李伟;x\n1002;王\x01芳;y\n".encode("gb18030")
    columns = {"card": "会员号", "name": "姓名"}
    options = {"encoding": "gb18030", "delimiter": ";", "ignore_columns": "备注"}
    progress = await imports.run(CUSTOMERS, content, ImportPlan(CSV, columns=columns, options=options))
    assert (progress.accepted, progress.rejected_by_reason) == (1, {"INVALID_ARGUMENT": 1})
    assert (await imports.world.customer("card:1001")).facts[0].value == "李伟"


async def test_members_of_customers_that_make_no_fact_or_the_same_twice_are_refused(imports: Imports) -> None:
    rows = [{"card": "1001", "年龄": "35"}, {"card": "1001", "Age Band": "35", "age_band": "36"}, {"card": "1001"}]
    progress = await imports.run(CUSTOMERS, b"\n".join(map(orjson.dumps, rows)), ImportPlan(NDJSON))
    assert (progress.accepted, progress.rejected_by_reason) == (1, {"UNKNOWN_FIELD": 1, "FIELD_TWICE": 1})


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
        await imports.run(*orders(content))


async def test_a_staging_that_ends_early_fails_the_import(imports: Imports) -> None:
    async def dies(_task: StagingTask) -> AsyncGenerator[Mapping[str, Any], None]:
        yield {"rows": 1, "bytes": 10}

    imports.stage = dies
    with pytest.raises(StagingFailedError):
        await imports.run(*orders())


async def test_the_real_process_says_the_same(imports: Imports) -> None:
    imports.stage = stage_in_process
    progress = await imports.run(*orders())
    assert (progress.rows, progress.accepted, progress.rejected) == (7, 5, 2)


async def test_a_task_that_the_process_cannot_do_is_an_error_not_a_silence(imports: Imports, tmp_path: Path) -> None:
    task = StagingTask(ORDERS, str(tmp_path / "missing"), str(tmp_path), {"format": CSV}, 0, "UTC", "CNY")
    with pytest.raises(ZhikeError):
        async for _ in stage_in_process(task):
            pass

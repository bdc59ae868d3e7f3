"""Imports of customers and events end to end but for the process: every row is accounted for, again is a duplicate."""

from functools import partial
from pathlib import Path

import orjson
import pytest

from services.chassis.operation_run import Progress
from services.kits.imports.plan import CSV, NDJSON, ImportPlan
from services.kits.imports.staging_process import stage_in_process
from services.knowledge.domain.import_plan import CUSTOMERS, EVENTS
from services.knowledge.jobs.importing import Importing
from services.knowledge.jobs.staging import STAGES
from services.knowledge.main import STAGING
from services.knowledge.store.collections import CUSTOMER_CLAIMS, USER_EVENTS
from tests.fakes.imports import RunningImports
from tests.unit.services.knowledge.conftest import World

CUSTOMER_FILE = (
    "card,login,phone,phone_verified,household,name,Age Band,consent_marketing\n"
    "1001,li,13911223344,true,H1,李伟,35-44,false\n"
    "1002,,13800138000,true,H1,Wang,,true\n"
    "1001,li,13911223344,true,H1,李伟,35-44,false\n"
    ",,,,,nobody,,\n"
).encode()


class Imports:
    """Runs imports on a world."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.running = RunningImports(folder, world.clock, STAGES, {})

    async def run(self, kind: str, content: bytes, plan: ImportPlan) -> Progress:
        importing = Importing(
            self.running.parts,
            user_events=self.world.logs[USER_EVENTS],
            customer_claims=self.world.logs[CUSTOMER_CLAIMS],
            customers=self.world.customers,
            read_back=self.world.settle,
        )
        progress = await self.running.run(importing.worker(kind), content, plan)
        await self.world.settle()
        return progress


@pytest.fixture
def imports(world: World, tmp_path: Path) -> Imports:
    return Imports(world, tmp_path)


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


@pytest.mark.parametrize("kind", [CUSTOMERS, EVENTS])
async def test_a_file_of_objects_without_a_line_is_no_rows(imports: Imports, kind: str) -> None:
    progress = await imports.run(kind, b"\n \r\n", ImportPlan(NDJSON, owner="key"))
    assert (progress.rows, progress.rejected, progress.done_bytes) == (0, 0, 4)


async def test_the_real_process_says_the_same(imports: Imports) -> None:
    imports.running.stage = partial(stage_in_process, STAGING)
    progress = await imports.run(CUSTOMERS, CUSTOMER_FILE, ImportPlan(CSV, owner="key"))
    assert (progress.rows, progress.accepted, progress.duplicate, progress.rejected) == (4, 2, 1, 1)

"""Every adapter answers the same scenarios alike."""

from pathlib import Path
from typing import Any

import pytest

from services.chassis.searchindex.port import IndexPage, Put, SearchIndex
from tests.contract.searchindex.scenario import SCENARIOS, entries_of, load, query_of, schema_of

PAGES_LIMIT = 50
FILES = sorted(SCENARIOS.glob("*.yaml"))
STEPS = [(path, number) for path in FILES for number in range(len(load(path)["steps"]))]


def named(step: tuple[Path, int]) -> str:
    path, number = step
    return f"{path.stem}: {load(path)['steps'][number]['name']}"


@pytest.mark.parametrize("step", STEPS, ids=named)
async def test_every_adapter_answers_the_scenario_alike(index: SearchIndex, step: tuple[Path, int]) -> None:
    path, number = step
    scenario = load(path)
    schema = schema_of(scenario)
    await index.declare(schema)
    await index.promote(schema.name, await index.open_branch(schema.name), expected=None)
    # In two commits, so that the entries lie in two segments and order cannot come from where they lie.
    entries = entries_of(scenario)
    for part in (entries[::2], entries[1::2]):
        results = await index.bulk(schema.name, [Put(entry) for entry in part])
        assert {result.outcome for result in results} == {"applied"}
        await index.refresh(schema.name)
    await check(index, schema.name, scenario["steps"][number])


async def check(index: SearchIndex, name: str, step: dict[str, Any]) -> None:
    if "pages" in step:
        assert await walked(index, name, step["pages"]) == step["ids"]
        return
    page = await index.search(name, query_of(step["search"]))
    found = [hit.id for hit in page.hits]
    assert all(hit.payload == hit.id.encode() for hit in page.hits)
    if "ids" in step:
        assert found == step["ids"]
    else:
        assert sorted(found) == sorted(step["ids_unordered"])
    if "total" in step:
        assert page.total == step["total"]
    if "tiers" in step:
        assert [hit.tier for hit in page.hits] == step["tiers"]
    if "facets" in step:
        assert facets(page) == [(field, list(values.items())) for field, values in step["facets"].items()]


def facets(page: IndexPage) -> list[tuple[str, list[tuple[str, int]]]]:
    return [(field, [(bucket.value, bucket.count) for bucket in values]) for field, values in page.facets.items()]


async def walked(index: SearchIndex, name: str, search: dict[str, Any]) -> list[str]:
    found: list[str] = []
    after: str | None = None
    for _ in range(PAGES_LIMIT):
        page = await index.search(name, query_of(search, after))
        assert page.total >= len(found) + len(page.hits)
        assert len(page.hits) == search["limit"] or page.next_after is None
        found += [hit.id for hit in page.hits]
        after = page.next_after
        if after is None:
            return found
    raise AssertionError("the pages do not end")

"""The run's queries: the same for the same seed, heavy at the head, in both languages."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from infra.demo.queries import Query, QuerySet
from loadtests.queries import read_queries, write_queries

COUNT = 200


def zipf_set() -> QuerySet:
    queries = tuple(
        Query(f"查询{n}" if n % 2 else f"query {n}", "zh" if n % 2 else "en", "type", (n,)) for n in range(COUNT)
    )
    totals = np.cumsum(1.0 / (np.arange(COUNT) + 3.0) ** 1.05)
    return QuerySet(queries, totals / totals[-1])


def test_users_read_the_set_that_was_written(tmp_path: Path) -> None:
    written = zipf_set()
    write_queries(tmp_path / "queries", written)
    read = read_queries(tmp_path / "queries")
    assert [(each.text, each.language, each.kind) for each in read.queries] == [
        (each.text, each.language, each.kind) for each in written.queries
    ]
    chances = np.random.default_rng(3).random(500).tolist()
    assert [read.pick(chance).text for chance in chances] == [written.pick(chance).text for chance in chances]


def test_the_same_seed_draws_the_same_queries_and_another_draws_others() -> None:
    queries = zipf_set()
    drawn = [[each.text for each in queries.sample(np.random.default_rng(seed), 300)] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_few_queries_are_most_of_the_traffic() -> None:
    counts = Counter(each.text for each in zipf_set().sample(np.random.default_rng(5), 20_000))
    head = sum(count for _, count in counts.most_common(COUNT // 10))
    assert 0.4 < head / 20_000 < 0.7
    assert len(counts) > COUNT * 0.9, "the tail is asked too"


def test_an_empty_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "queries").write_bytes(b'{"queries": [], "totals": []}')
    with pytest.raises(ValueError, match="no query set"):
        read_queries(tmp_path / "queries")

"""The run's queries: the demo shop's own Zipf-weighted set in Chinese and English, written once, read by all users."""

from pathlib import Path

import numpy as np
import orjson

from infra.demo.queries import Query, QuerySet

DEMO_STREAMS = 4  # stock, customers, queries, visitors: the same streams of chance as the demo shop's files are made of


def demo_queries(seed: int) -> QuerySet:
    """Return the queries of the demo shop's catalogue; needs the extra ``demo`` and a few seconds."""
    from infra.demo.catalog import build_catalog
    from infra.demo.extra import data_folder
    from infra.demo.queries import build_queries
    from infra.demo.source import read_shop_year

    stock, _, queries, _ = np.random.default_rng(seed).spawn(DEMO_STREAMS)
    return build_queries(build_catalog(read_shop_year(data_folder()), rng=stock), rng=queries)


def write_queries(path: Path, queries: QuerySet) -> None:
    """Write what users need of a query set."""
    rows = [[query.text, query.language, query.kind] for query in queries.queries]
    path.write_bytes(orjson.dumps({"queries": rows, "totals": queries.totals.tolist()}))


def read_queries(path: Path) -> QuerySet:
    """Return a written query set, without what each should find. Raises FileNotFoundError, ValueError."""
    content = orjson.loads(path.read_bytes())
    queries = tuple(Query(text, language, kind, ()) for text, language, kind in content["queries"])
    if not queries or len(queries) != len(content["totals"]):
        raise ValueError(f"{path} holds no query set")
    return QuerySet(queries, np.asarray(content["totals"]))

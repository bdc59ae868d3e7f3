"""How good is product search: NDCG@10 on Chorus against BM25, with a paired bootstrap.

    python -m benchmarks.search [--engines tantivy,elasticsearch] [--json]

Chorus / Icecat: 19,406 products, 75 queries with human ratings 0 to 3. The system under test is the search service's
own finder on the tantivy index, as a shopper's query meets it; the baseline is BM25 over title + brand with equal
weights, the same tokens, any of them, no repair. Ranking constants (services/search/domain/relevance.py) were fixed by
reasoning before the first run on these ratings and have not been changed by what it showed.

With --engines nothing is judged: the engines are measured side by side (benchmarks.search_engines).
"""

import argparse
import asyncio
import csv
import json
import os
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.search_engines import ensure_node, measure_engines
from services.chassis.searchindex.port import AnyOf, Entry, IndexQuery, IndexSchema, Put, SearchIndex, Term, TextField
from services.chassis.searchindex.tantivy import TantivySearchIndex
from services.kits.money import Money
from services.kits.text.segment import Segmenter
from services.kits.text.spelling import Vocabulary
from services.search.domain.product import Product
from services.search.store.product_index import IndexedProduct, ProductIndex
from services.search.usecases.finding import Finder, Request

DEPTH = 10
RESAMPLES = 10_000
SEED = 20_260_101
BATCH = 500
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BASELINE = IndexSchema("baseline", (TextField("title"), TextField("brand"), TextField("joined")))

Ratings = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Ranking:
    """The first DEPTH product ids for each query."""

    name: str
    results: Mapping[str, Sequence[str]]


def gain(ratings: Sequence[int]) -> float:
    """Return discounted cumulative gain: sum of (2^r - 1) / log2(i + 1), i from 1."""
    return sum((2**rating - 1) / np.log2(place + 1) for place, rating in enumerate(ratings, 1))


def ndcg(results: Sequence[str], judged: Mapping[str, int]) -> float:
    """Return NDCG@DEPTH; the ideal comes from the query's own judgments, what nobody judged counts 0."""
    ideal = gain(sorted(judged.values(), reverse=True)[:DEPTH])
    found = gain([judged.get(product, 0) for product in results[:DEPTH]])
    return float(found / ideal) if ideal else 0.0


def judged_share(ranking: Ranking, ratings: Ratings) -> float:
    """Return the mean share of a query's first DEPTH results that somebody judged."""
    shares = [
        sum(product in ratings[query] for product in results) / len(results)
        for query, results in ranking.results.items()
        if results
    ]
    return float(np.mean(shares))


def bootstrap(differences: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % percentile interval of the mean difference, queries resampled in pairs."""
    rng = np.random.default_rng(SEED)
    draws = rng.integers(0, len(differences), size=(RESAMPLES, len(differences)))
    low, high = np.percentile(differences[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def chorus_folder() -> Path:
    root = os.environ.get("ZHIKE_TEST_DATA")
    if not root or not (Path(root) / "chorus").is_dir():
        sys.exit("ZHIKE_TEST_DATA must name the folder that holds chorus/")
    return Path(root) / "chorus"


def read_ratings(folder: Path) -> dict[str, dict[str, int]]:
    ratings: dict[str, dict[str, int]] = {}
    with (folder / "ratings.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            ratings.setdefault(row["query"], {})[row["docid"]] = int(row["rating"])
    return ratings


def read_products(folder: Path) -> Iterator[Product]:
    for part in range(1, 5):
        with zipfile.ZipFile(folder / f"products-{part}.json.zip") as archive:
            yield from (product_from_icecat(row) for row in json.loads(archive.read(f"{part}.json")))


def product_from_icecat(row: Mapping[str, Any]) -> Product:
    """Map Icecat's fields: supplier is the brand, the product type (where given) the category, text attributes stay."""
    attributes = {
        name.removeprefix("attr_t_"): (str(value),)
        for name, value in row.items()
        if name.startswith("attr_t_") and name != "attr_t_product_type"
    }
    kind = row.get("attr_t_product_type")
    return Product(
        id=row["id"],
        title={"en": row["title"]},
        description={"en": row.get("short_description") or ""},
        categories=({"en": str(kind)},) if kind else (),
        brands=(row["supplier"],),
        price=Money(int(row["price"]), "EUR"),
        attributes=attributes,
        version=1,
        update_time=NOW,
    )


async def build(index: SearchIndex, segmenter: Segmenter, products: Sequence[Product]) -> Finder:
    """Index the products for the service and for the baseline."""
    catalogue = ProductIndex(index, segmenter)
    await catalogue.declare()
    branch = await catalogue.open_branch()
    await index.declare(BASELINE)
    await index.promote("baseline", await index.open_branch("baseline"), expected=None)
    vocabulary = Vocabulary()
    for start in range(0, len(products), BATCH):
        part = products[start : start + BATCH]
        await catalogue.write([IndexedProduct(product, NOW) for product in part], NOW, branch=branch)
        await index.bulk("baseline", [Put(baseline_entry(product, segmenter)) for product in part])
        for product in part:
            vocabulary.add(word for text in product.title.values() for word in segmenter.vocabulary_words(text))
    await index.refresh("baseline")
    await catalogue.promote(branch)
    return Finder(catalogue, segmenter, lambda: vocabulary, lambda: ())


def baseline_entry(product: Product, segmenter: Segmenter) -> Entry:
    title, brand = segmenter.index_stream(product.title["en"]), segmenter.index_stream(product.brands[0])
    return Entry(product.id, 1, {"title": title, "brand": brand, "joined": f"{title} {brand}"})


async def rank_by_service(finder: Finder, queries: Sequence[str]) -> Ranking:
    results = {}
    for query in queries:
        found = await finder.first_page(Request(query, "en", DEPTH))
        results[query] = [hit.id for hit in found.page.hits]
    return Ranking("zhike", results)


async def rank_by_bm25(
    index: SearchIndex, segmenter: Segmenter, queries: Sequence[str], *, name: str, fields: Sequence[str]
) -> Ranking:
    results: dict[str, list[str]] = {}
    for query in queries:
        tokens = dict.fromkeys(segmenter.index_stream(query).split())
        terms = tuple(Term(field, token) for token in tokens for field in fields)
        page = await index.search("baseline", IndexQuery(text=AnyOf(terms), limit=DEPTH))
        results[query] = [hit.id for hit in page.hits]
    return Ranking(name, results)


async def measure(folder: Path) -> dict[str, Any]:
    ratings = read_ratings(folder)
    queries = sorted(ratings)
    products = list(read_products(folder))
    segmenter = Segmenter()
    with tempfile.TemporaryDirectory() as directory:
        index = TantivySearchIndex(Path(directory))
        finder = await build(index, segmenter, products)
        service = await rank_by_service(finder, queries)
        fielded = await rank_by_bm25(index, segmenter, queries, name="title + brand", fields=("title", "brand"))
        joined = await rank_by_bm25(index, segmenter, queries, name="title and brand joined", fields=("joined",))
        await index.close()
    return report(ratings, queries, service, fielded, joined) | {"products": len(products)}


def report(
    ratings: Ratings, queries: Sequence[str], service: Ranking, fielded: Ranking, joined: Ranking
) -> dict[str, Any]:
    scores = {
        ranking.name: np.array([ndcg(ranking.results[query], ratings[query]) for query in queries])
        for ranking in (service, fielded, joined)
    }
    low, high = bootstrap(scores[service.name] - scores[fielded.name])
    joined_low, joined_high = bootstrap(scores[service.name] - scores[joined.name])
    return {
        "ndcg_at_10": round(float(scores[service.name].mean()), 4),
        "baseline": round(float(scores[fielded.name].mean()), 4),
        "ci_low": round(low, 4),
        "ci_high": round(high, 4),
        "judged_at_10": round(judged_share(service, ratings), 4),
        "baseline_judged_at_10": round(judged_share(fielded, ratings), 4),
        "joined_field_baseline": round(float(scores[joined.name].mean()), 4),
        "joined_field_ci": [round(joined_low, 4), round(joined_high, 4)],
        "queries": len(queries),
        "resamples": RESAMPLES,
    }


async def _engines(names: Sequence[str]) -> dict[str, Any]:
    if not names or set(names) - {"tantivy", "elasticsearch"}:
        sys.exit("engines are tantivy and elasticsearch")
    folder = chorus_folder()
    ensure_node(names)
    return await measure_engines(names, list(read_products(folder)), sorted(read_ratings(folder)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one line of JSON, last")
    parser.add_argument("--engines", help="measure these side by side: tantivy, elasticsearch, parted by commas")
    arguments = parser.parse_args()
    figures = asyncio.run(_engines(arguments.engines.split(",")) if arguments.engines else measure(chorus_folder()))
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()

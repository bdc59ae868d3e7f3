"""A corner of the real Elasticsearch that the tests run on: names that no other test uses, and cleaning up."""

import os
from uuid import uuid4

import pytest

from services.chassis.searchindex.elastic import ElasticSearchIndex, Server
from tests.conftest import missing

VARIABLE = "ZHIKE_TEST_ELASTICSEARCH"
REAL = pytest.param("elasticsearch", marks=pytest.mark.real)


def elastic_address() -> str:
    """Return the server's address; skips the test without one (in CI: fails it)."""
    address = os.environ.get(VARIABLE, "")
    if not address:
        missing(f"the Elasticsearch that {VARIABLE} names (infra/elasticsearch/with-elasticsearch.sh starts one)")
    return address


def new_prefix() -> str:
    """Return a beginning of names that nobody else has."""
    return f"zhike-test-{uuid4().hex[:12]}"


def open_elastic(prefix: str) -> ElasticSearchIndex:
    """Return the index on the test server."""
    return ElasticSearchIndex(Server(elastic_address()), prefix=prefix)


async def remove_indexes(prefix: str) -> None:
    """Remove whatever was made under ``prefix``; servers refuse to delete by a pattern."""
    server = Server(elastic_address())
    try:
        found = await server.ask("GET", f"/{prefix}*", params={"filter_path": "*.settings.index.uuid"})
        if found:
            await server.ask("DELETE", f"/{','.join(found)}")
    finally:
        await server.close()

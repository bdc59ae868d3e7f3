"""Sources and brands as protobuf: what is not said takes its usual value; how a source stands is one word."""

from datetime import UTC, datetime, timedelta

import pytest
from zhike.reputation.v1 import source_service_pb2 as pb

from services.reputation.domain.brands import Brand, BrandKind
from services.reputation.domain.errors import BrandInvalidError, SourceInvalidError
from services.reputation.domain.silence import Silence, SilenceKind
from services.reputation.domain.sources import Source, SourceKind, Standing
from services.reputation.usecases.sources import SourceView
from services.reputation.wire.sources import (
    brand_from_pb,
    brand_to_pb,
    changes_from_pb,
    source_from_pb,
    source_to_pb,
)

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
FEED = Source("city-news", SourceKind.FEED, "main", "城市新闻", "https://n.example/rss", 1, 7, timedelta(minutes=5))


def test_a_feed_goes_there_and_back() -> None:
    message = source_to_pb(SourceView(FEED, None, None))
    assert source_from_pb(message) == FEED
    assert (message.poll_interval_s, message.standing.state) == (300, pb.SOURCE_STATE_FINE)


def test_what_is_not_said_takes_its_usual_value() -> None:
    source = source_from_pb(pb.Source(id="weibo", kind=pb.SOURCE_KIND_PUSH, shop="main"))
    assert source == Source("weibo", SourceKind.PUSH, "main")
    assert (source.tier, source.reach, source.enabled, source.poll_interval) == (3, None, True, timedelta(minutes=15))
    assert source_to_pb(SourceView(source, None, None)).poll_interval_s == 0


def test_a_source_without_a_kind_is_refused_and_a_change_needs_none() -> None:
    with pytest.raises(SourceInvalidError):
        source_from_pb(pb.Source(id="weibo", shop="main"))
    assert not changes_from_pb(pb.Source(id="weibo", disabled=True)).enabled


@pytest.mark.parametrize(
    ("view", "state"),
    [
        (SourceView(FEED, None, None), pb.SOURCE_STATE_FINE),
        (SourceView(FEED, Standing(NOW, failures=1, error="x"), None), pb.SOURCE_STATE_FAILING),
        (
            SourceView(FEED, Standing(NOW), Silence("city-news", "main", SilenceKind.DEAD, NOW, error="x")),
            pb.SOURCE_STATE_DEAD,
        ),
        (
            SourceView(FEED, Standing(NOW), Silence("city-news", "main", SilenceKind.SILENT, NOW, 9.0)),
            pb.SOURCE_STATE_SILENT,
        ),
        (SourceView(Source("weibo", SourceKind.PUSH, "main", enabled=False), None, None), pb.SOURCE_STATE_DISABLED),
    ],
)
def test_how_a_source_stands_is_one_word(view: SourceView, state: pb.SourceState.ValueType) -> None:
    standing = source_to_pb(view).standing
    assert standing.state == state
    assert bool(standing.explanation) == (view.silence is not None)


def test_the_times_of_a_standing_are_told() -> None:
    standing = Standing(NOW, polled_time=NOW, failures=2, error="FEED_STATUS", new_items=3, skipped_items=4)
    told = source_to_pb(SourceView(FEED, standing, None)).standing
    assert (told.error, told.failures, told.new_items, told.skipped_items) == ("FEED_STATUS", 2, 3, 4)
    assert told.next_poll_time.ToDatetime(UTC) == NOW
    assert not told.HasField("success_time")


def test_a_brand_goes_there_and_back() -> None:
    brand = Brand("zhike", BrandKind.OWN, ("知客",), ("知客寮",), 1)
    assert brand_from_pb(brand_to_pb(brand)) == brand
    with pytest.raises(BrandInvalidError):
        brand_from_pb(pb.Brand(id="x", names=["y"]))

"""Sources and brands as protobuf."""

from datetime import datetime, timedelta
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp
from zhike.reputation.v1 import source_service_pb2 as pb

from services.reputation.domain.brands import Brand, BrandKind
from services.reputation.domain.errors import BrandInvalidError, SourceInvalidError
from services.reputation.domain.mentions import LAST_TIER
from services.reputation.domain.silence import SilenceKind
from services.reputation.domain.sources import USUAL_INTERVAL, Source, SourceKind, Standing
from services.reputation.usecases.sources import SourceView

_KINDS: Final = {
    pb.SOURCE_KIND_FEED: SourceKind.FEED,
    pb.SOURCE_KIND_PUSH: SourceKind.PUSH,
    pb.SOURCE_KIND_REVIEWS: SourceKind.REVIEWS,
}
_KIND_NUMBERS: Final = {kind: number for number, kind in _KINDS.items()}
_BRAND_KINDS: Final = {pb.BRAND_KIND_OWN: BrandKind.OWN, pb.BRAND_KIND_RIVAL: BrandKind.RIVAL}
_BRAND_KIND_NUMBERS: Final = {kind: number for number, kind in _BRAND_KINDS.items()}


def source_from_pb(message: pb.Source) -> Source:
    """Decode a new source. Raises SourceInvalidError."""
    kind = _KINDS.get(message.kind)
    if kind is None:
        raise SourceInvalidError("a source is a feed, push or reviews", field="kind")
    return _source(message, kind)


def changes_from_pb(message: pb.Source) -> Source:
    """Decode the new values of a change; the kind of a source does not change."""
    return _source(message, SourceKind.FEED)


def source_to_pb(view: SourceView) -> pb.Source:
    """Encode a source with how it stands."""
    source = view.source
    message = pb.Source(
        id=source.id,
        kind=_KIND_NUMBERS[source.kind],
        shop=source.shop,
        title=source.title,
        url=source.url,
        tier=source.tier,
        reach=source.reach,
        disabled=not source.enabled,
        version=source.version,
        standing=_standing(view),
    )
    if source.kind is SourceKind.FEED:
        message.poll_interval_s = int(source.poll_interval.total_seconds())
    return message


def brand_from_pb(message: pb.Brand) -> Brand:
    """Decode a brand. Raises BrandInvalidError."""
    kind = _BRAND_KINDS.get(message.kind)
    if kind is None:
        raise BrandInvalidError("a brand is own or rival", field="kind")
    return Brand(message.id, kind, tuple(message.names), tuple(message.exclusions))


def brand_to_pb(brand: Brand) -> pb.Brand:
    """Encode a brand."""
    return pb.Brand(
        id=brand.id,
        kind=_BRAND_KIND_NUMBERS[brand.kind],
        names=brand.names,
        exclusions=brand.exclusions,
        version=brand.version,
    )


def _source(message: pb.Source, kind: SourceKind) -> Source:
    return Source(
        id=message.id,
        kind=kind,
        shop=message.shop,
        title=message.title,
        url=message.url,
        tier=message.tier or LAST_TIER,
        reach=message.reach if message.HasField("reach") else None,
        poll_interval=timedelta(seconds=message.poll_interval_s) if message.poll_interval_s else USUAL_INTERVAL,
        enabled=not message.disabled,
    )


def _standing(view: SourceView) -> pb.SourceStanding:
    message = pb.SourceStanding(state=_state(view))
    if view.silence is not None:
        message.explanation.update(view.silence.words)
        message.since_time.FromDatetime(view.silence.since)
    standing = view.standing
    if standing is not None:
        message.error, message.failures = standing.error, standing.failures
        message.new_items, message.skipped_items = standing.new_items, standing.skipped_items
        _set_time(message.polled_time, standing.polled_time)
        _set_time(message.success_time, standing.success_time)
        _set_time(message.next_poll_time, standing.next_time if view.source.enabled else None)
    return message


def _state(view: SourceView) -> pb.SourceState.ValueType:
    if not view.source.enabled:
        return pb.SOURCE_STATE_DISABLED
    if view.silence is not None:
        return pb.SOURCE_STATE_DEAD if view.silence.kind is SilenceKind.DEAD else pb.SOURCE_STATE_SILENT
    return pb.SOURCE_STATE_FAILING if _is_failing(view.standing) else pb.SOURCE_STATE_FINE


def _is_failing(standing: Standing | None) -> bool:
    return standing is not None and standing.failures > 0


def _set_time(field: Timestamp, time: datetime | None) -> None:
    if time is not None:
        field.FromDatetime(time)

"""What else can go wrong with a log, beside what the port names."""

from services.chassis.errors import ErrorKind, ZhikeError


class PartitionCountError(ZhikeError):
    """The log was created with another number of partitions; the count is fixed for ever (rule 4)."""

    kind = ErrorKind.PRECONDITION
    reason = "LOG_PARTITION_COUNT"


class LogClosedError(ZhikeError):
    """The log is used before ``open`` or after ``close``."""

    kind = ErrorKind.UNAVAILABLE
    reason = "LOG_CLOSED"


class LogBusyError(ZhikeError):
    """More events wait for one partition than its queue takes; nothing of this append was stored."""

    kind = ErrorKind.UNAVAILABLE
    reason = "LOG_BUSY"


class LogContendedError(ZhikeError):
    """Other writers took every number that this one tried; the append may be repeated as it is."""

    kind = ErrorKind.UNAVAILABLE
    reason = "LOG_CONTENDED"


class LogHoleError(ZhikeError):
    """A number is missing from a partition. The reader stops there; it never skips (rule 7)."""

    kind = ErrorKind.DATA_LOSS
    reason = "LOG_HOLE"


class CursorSupersededError(ZhikeError):
    """Another holder began this projection anew, so this one's position means nothing any more."""

    kind = ErrorKind.PRECONDITION
    reason = "CURSOR_SUPERSEDED"


class ProjectionContendedError(ZhikeError):
    """Another writer kept changing the same documents; the batch is applied again."""

    kind = ErrorKind.ABORTED
    reason = "PROJECTION_CONTENDED"

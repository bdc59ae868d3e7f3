"""What every search index promises.

Text comes segmented: a text value is a stream of tokens parted by spaces, and the engine splits at white space and
nothing more, so every adapter indexes the same tokens. An entry is replaced whole; its ``version`` decides which write
is newer, in whatever order they come. Writes are durable and visible when ``refresh`` returns, maybe earlier.

An index lives on branches: searches read the live one; a new one is opened, filled and promoted to reindex without
a gap. Branches belong to a schema: a changed schema has no live branch until one is filled.

Order is total: by the sort's value or by (tier, score), then by id. Scores themselves differ between adapters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import ClassVar, NamedTuple, Protocol

from services.chassis.errors import ErrorKind, ZhikeError

ID_LIMIT_BYTES = 512
KEYWORD_LIMIT_BYTES = 1_024
KEYWORD_VALUES_LIMIT = 1_000
TEXT_LIMIT_CHARACTERS = 200_000
PAYLOAD_LIMIT_BYTES = 1024 * 1024
BULK_LIMIT = 1_000
PAGE_LIMIT = 200
NODE_LIMIT = 1_024
TIER_LIMIT = 32
FILTER_LIMIT = 64
FILTER_VALUES_LIMIT = 256
FACET_LIMIT = 16
BUCKET_LIMIT = 200
CURSOR_LIMIT_CHARACTERS = 1_400
# Boosts are weighed over the best RERANK_WINDOW hits of the engine's own order; relevance pages end at RELEVANCE_DEPTH.
RERANK_WINDOW = 200
RELEVANCE_DEPTH = 10_000


@dataclass(frozen=True, slots=True)
class TextField:
    """Segmented text, scored by BM25 times ``weight``."""

    name: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class KeywordField:
    """Exact strings, several per entry: filters and facets."""

    name: str


@dataclass(frozen=True, slots=True)
class LongField:
    """A signed 64-bit whole number (money in minor units): filters, sorts, ranges, boosts."""

    name: str


@dataclass(frozen=True, slots=True)
class DateField:
    """An aware time, kept to the millisecond: filters and sorts."""

    name: str


Field = TextField | KeywordField | LongField | DateField
Value = str | tuple[str, ...] | int | datetime


@dataclass(frozen=True, slots=True)
class IndexSchema:
    """An index and its fields. Names are lower_snake; ``id``, ``id_prefix``, ``version`` and ``payload`` are taken."""

    name: str
    fields: tuple[Field, ...]
    _by_name: Mapping[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {declared.name: declared for declared in self.fields})

    def field(self, name: str) -> Field:
        """Return the declared field ``name``; raises IndexQueryError."""
        declared = self._by_name.get(name)
        if declared is None:
            raise IndexQueryError(f"index {self.name} declares no field {name}", index=self.name, field=name)
        return declared

    @property
    def fingerprint(self) -> str:
        """A short name of the shape: weights apply at query time and are left out."""
        shape = ",".join(sorted(f"{type(declared).__name__}:{declared.name}" for declared in self.fields))
        return blake2b(shape.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Entry:
    """What is indexed: values by field, and a payload that comes back with a hit. A missing field has no value."""

    id: str
    version: int
    values: Mapping[str, Value]
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Put:
    """Stores the entry unless one of the same or a higher version is there."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Remove:
    """Removes the entry unless it has the same or a higher version.

    A removed id refuses older versions until the next restart at the latest; who may replay writes must replay them in
    order or check for itself.
    """

    id: str
    version: int


Write = Put | Remove


class Outcome(StrEnum):
    """What became of one write of a batch."""

    APPLIED = "applied"
    STALE = "stale"  # the same or a newer version is there: a success for a replay
    REJECTED = "rejected"  # the entry breaks a limit or the schema; the others of the batch stand


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The outcome of one write; ``message`` says why it was rejected."""

    id: str
    outcome: Outcome
    message: str = ""


@dataclass(frozen=True, slots=True)
class Term:
    """Entries whose text field has the token (or whose keyword field has the value)."""

    field: str
    token: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Phrase:
    """Entries whose text field has the tokens one after another."""

    field: str
    tokens: tuple[str, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class AllOf:
    """Entries that match every node; scores add up."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Entries that match at least ``at_least`` nodes; scores of those that match add up."""

    nodes: tuple["Node", ...]
    at_least: int = 1


@dataclass(frozen=True, slots=True)
class Best:
    """Entries that match any node; the best score plus ``tie`` times the others (disjunction max)."""

    nodes: tuple["Node", ...]
    tie: float = 0.0


Node = Term | Phrase | AllOf | AnyOf | Best


@dataclass(frozen=True, slots=True)
class KeywordFilter:
    """Keeps entries that have one of the values; ``negated`` keeps the others.

    ``always``: no choice of the shopper's; it narrows the counts of facets on its own field too.
    """

    field: str
    any_of: tuple[str, ...]
    negated: bool = False
    always: bool = False


@dataclass(frozen=True, slots=True)
class RangeFilter:
    """Keeps entries with ``at_least <= value < below`` (long or date); either side may be open, not both."""

    field: str
    at_least: int | datetime | None = None
    below: int | datetime | None = None


Filter = KeywordFilter | RangeFilter


def chosen_on(condition: Filter) -> str | None:
    """Return the field whose facet ignores the filter, None for one that holds always."""
    return None if isinstance(condition, KeywordFilter) and condition.always else condition.field


@dataclass(frozen=True, slots=True)
class TermsFacet:
    """Counts the values of a keyword field, most frequent first, equal counts by value.

    ``ignoring``: the field whose filters do not narrow the count; None: its own.
    """

    field: str
    size: int = 20
    ignoring: str | None = None


@dataclass(frozen=True, slots=True)
class RangesFacet:
    """Counts a long field in the ranges between ascending ``bounds``: below the first, between each two, from the last.

    Buckets are named ``*..b0``, ``b0..b1``, ``bn..*`` and all come back, empty ones too.
    """

    field: str
    bounds: tuple[int, ...]
    ignoring: str | None = None


# A facet ignores filters on its own field but ``always``, so that a shopper sees the other values that could be chosen.
Facet = TermsFacet | RangesFacet


@dataclass(frozen=True, slots=True)
class Bucket:
    """One facet value and how many entries have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Sort:
    """Order by a long or date field; entries without a value come last both ways."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Boost:
    """Multiplies a hit's score by ``1 + weight * value / (value + pivot)`` of a long field (0 where missing or < 0).

    Saturation as in N. Craswell et al., "Relevance weighting for query independent evidence", SIGIR 2005.
    """

    field: str
    weight: float
    pivot: float = 1.0


@dataclass(frozen=True, slots=True)
class IndexQuery:
    """A search. Without ``text`` it browses; without ``sort`` it orders by relevance, or by id when there is no text.

    ``tiers``: an entry that matches more of these nodes stands before all that match fewer, whatever the scores.
    ``after`` is the ``next_after`` of the page before, of the same query. For a minute or two (less where writes come
    several times a second) the pages of one walk are read from one state, so that writes meanwhile repeat and hide
    nothing; payloads are of now, and what was removed is left out of its page. Later, or in another process, the
    position leads on in the state of now.
    """

    text: Node | None = None
    tiers: tuple[Node, ...] = ()
    filters: tuple[Filter, ...] = ()
    facets: tuple[Facet, ...] = ()
    sort: Sort | None = None
    boosts: tuple[Boost, ...] = ()
    limit: int = 20
    after: str | None = None


class Hit(NamedTuple):
    """An entry found. ``score`` has the boosts in it; ``tier`` counts the tier nodes matched."""

    id: str
    payload: bytes
    score: float = 0.0
    tier: int = 0


@dataclass(frozen=True, slots=True)
class IndexPage:
    """A page of hits; ``total`` counts all that match, on every page. ``facets`` by field, in the order asked."""

    hits: tuple[Hit, ...]
    total: int
    facets: Mapping[str, tuple[Bucket, ...]] = field(default_factory=dict)
    next_after: str | None = None


class IndexQueryError(ZhikeError):
    """A query past its limits or one that the schema does not serve; a defect of the caller."""

    kind = ErrorKind.INVALID
    reason = "INDEX_QUERY"


class IndexCursorError(ZhikeError):
    """A cursor that this query did not give out."""

    kind = ErrorKind.INVALID
    reason = "INDEX_CURSOR"


class IndexUnavailableError(ZhikeError):
    """The index cannot answer now (closed, disk full, node away, no live branch). Nothing was acknowledged."""

    kind = ErrorKind.UNAVAILABLE
    reason = "INDEX_UNAVAILABLE"


class IndexLockedError(ZhikeError):
    """Another process writes to this index's directory."""

    kind: ClassVar[ErrorKind] = ErrorKind.PRECONDITION
    reason = "INDEX_LOCKED"


class BranchConflictError(ZhikeError):
    """Another branch was promoted meanwhile, or the branch named does not exist."""

    kind = ErrorKind.ABORTED
    reason = "BRANCH_CONFLICT"


class SearchIndex(Protocol):
    """The port."""

    async def declare(self, schema: IndexSchema) -> str | None:
        """Make the index known before any other call; return its live branch, or None: open, fill and promote one."""

    async def open_branch(self, name: str) -> str:
        """Create an empty branch of index ``name`` and return its name. Raises IndexLockedError."""

    async def promote(self, name: str, branch: str, *, expected: str | None) -> None:
        """Make ``branch`` the live one if ``expected`` is live now, then drop the others.

        Raises BranchConflictError.
        """

    async def drop_branch(self, name: str, branch: str) -> None:
        """Remove a branch that is not live; silent when absent. Raises BranchConflictError for the live one."""

    async def bulk(self, name: str, writes: Sequence[Write], *, branch: str | None = None) -> tuple[WriteResult, ...]:
        """Apply up to BULK_LIMIT writes to the live (or the named) branch; one result each, in order.

        Raises IndexUnavailableError when the batch as a whole failed: write it again.
        """

    async def refresh(self, name: str, *, branch: str | None = None) -> None:
        """Return when all writes acknowledged so far are durable and visible. Raises IndexUnavailableError.

        After that error, writes since the last refresh may be lost: write them again.
        """

    async def search(self, name: str, query: IndexQuery) -> IndexPage:
        """Search the live branch. Raises IndexQueryError, IndexCursorError, IndexUnavailableError."""

    async def get(self, name: str, ids: Sequence[str]) -> dict[str, Hit]:
        """Return those entries of the live branch that exist, by id. At most PAGE_LIMIT ids."""

    async def count(self, name: str, *, branch: str | None = None) -> int:
        """Return how many entries are visible."""

    async def ping(self) -> None:
        """Return when the index can answer; raises IndexUnavailableError."""

    async def close(self) -> None:
        """Finish what was acknowledged, then release the index."""

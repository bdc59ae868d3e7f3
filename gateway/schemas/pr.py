"""What PR staff and connectors read and write: mentions, where they come from, and whom they may name."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.schemas.forms import Read, Shown, Time

ToneWord = Literal["negative", "neutral", "positive", "unsure", "unknown"]
SourceKindWord = Literal["feed", "push", "reviews"]
BrandKindWord = Literal["own", "rival"]
Tier = Annotated[
    int,
    Field(
        ge=1,
        le=3,
        description="1: national media, authorities, hot lists; 2: regional and trade media, voices that many follow; "
        "3: everybody.",
    ),
]
Reach = Annotated[int, Field(ge=0, le=10**12, description="People who may have seen it.")]
SourceId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$", examples=["weibo"])]


class NewMention(Shown):
    """A mention as it comes in; one of text, title and parent is there. The service that owns mentions reads it."""

    source: SourceId
    published: Time
    text: Annotated[str, Field(max_length=20_000, description="As it came; HTML is cleaned where it is read.")] = ""
    id: Annotated[
        str, Field(max_length=128, description="The source's own id; without one it is made of the content.")
    ] = ""
    title: Annotated[str, Field(max_length=512)] = ""
    author: Annotated[str, Field(max_length=128)] = ""
    url: Annotated[str, Field(max_length=2_048)] = ""
    language: Annotated[str, Field(max_length=35, description="BCP 47; the script decides between zh and en.")] = ""
    tier: Tier | None = None
    reach: Reach | None = None
    parent: Annotated[str, Field(max_length=2_048, description="Address or id of what it reposts or answers.")] = ""
    rating: Annotated[int | None, Field(ge=1, le=5, description="Stars of a review.")] = None
    product_id: Annotated[str, Field(max_length=128, description="The product of a review.")] = ""
    shop: Annotated[str, Field(max_length=64, description="By default the key's.")] = ""


class MentionBatch(Shown):
    """A batch."""

    mentions: Annotated[list[NewMention], Field(min_length=1, max_length=500)]


class MentionRefusal(Shown):
    """Why a mention was refused."""

    reason: str
    message: str
    field: str


class MentionVerdict(Shown):
    """What became of a mention."""

    id: str
    status: Literal["stored", "duplicate", "rejected"]
    mention_id: Annotated[str, Field(description="Under which it can be read; absent from a rejected one.")] = ""
    error: MentionRefusal | None = None


class MentionVerdicts(Shown):
    """The verdicts, in the order of the batch."""

    verdicts: list[MentionVerdict]
    stored: int
    duplicate: int
    rejected: int


class Mention(Shown):
    """A mention as it was heard."""

    id: str
    shop: str
    source: str
    source_mention_id: str
    tier: int
    author: str
    url: str
    language: str
    published_time: datetime
    seen_time: datetime
    title: str
    text: Annotated[str, Field(description="Without markup. It is what somebody wrote: escape it where it is shown.")]
    parent: str
    repost: Annotated[bool, Field(description="Without words of its own; then it says what its original says.")]
    reach: int | None
    rating: int | None
    tone: ToneWord
    tone_probability: float
    aspect: str
    brands: list[str]
    product_ids: list[str]
    cluster_id: Annotated[str, Field(description="Copies, rewritten copies and reposts share one.")]
    begins_cluster: bool
    cluster_size: int


class Mentions(Shown):
    """A page of mentions; it may be short, or empty, and still go on."""

    mentions: list[Mention]
    next_page_token: str


class MentionCount(Shown):
    """What was said within one step."""

    start_time: datetime
    mentions: int
    by_tone: dict[str, int]
    by_tier: dict[str, int]
    negative_by_aspect: dict[str, int]
    reach: int
    clusters: int


class MentionCounts(Shown):
    """Counts in the order of time, steps without mentions too."""

    counts: list[MentionCount]


class SourceStanding(Shown):
    """How a source stands."""

    state: Annotated[
        Literal["fine", "failing", "dead", "silent", "disabled"],
        Field(description="dead: cannot be fetched for an hour; silent: by its own rhythm it should have spoken."),
    ]
    explanation: Annotated[dict[str, str], Field(description="Why it is missed, by language.")]
    error: Annotated[str, Field(description="Reason of the last failed fetch, empty after a success.")]
    failures: int
    polled_time: datetime | None
    success_time: datetime | None
    next_poll_time: datetime | None
    since_time: datetime | None
    new_items: int
    skipped_items: int


class Source(Shown):
    """A source of mentions."""

    id: str
    kind: SourceKindWord
    shop: str
    title: str
    url: str
    tier: int
    reach: int | None
    poll_interval_s: Annotated[int, Field(description="0 for a source that is not fetched.")]
    disabled: bool
    version: int
    standing: SourceStanding


class Sources(Shown):
    """A page of sources."""

    sources: list[Source]
    next_page_token: str


class SourceRequest(Read):
    """A source to watch."""

    id: SourceId
    kind: SourceKindWord
    title: Annotated[str, Field(max_length=128)] = ""
    url: Annotated[str, Field(max_length=2_048, description="Of a feed: RSS, Atom or JSON Feed.")] = ""
    tier: Tier = 3
    reach: Reach | None = None
    poll_interval_s: Annotated[int, Field(ge=60, le=86_400)] = 900
    disabled: bool = False
    shop: Annotated[str, Field(max_length=64, description="By default the key's.")] = ""


class SourcePatch(Read):
    """New values; a field that is absent stays, ``reach`` null makes it unknown."""

    title: Annotated[str | None, Field(max_length=128)] = None
    url: Annotated[str | None, Field(max_length=2_048)] = None
    tier: Tier | None = None
    reach: Reach | None = None
    poll_interval_s: Annotated[int | None, Field(ge=60, le=86_400)] = None
    disabled: bool | None = None


class Brand(Shown):
    """A brand that is looked for in mentions."""

    id: str
    kind: BrandKindWord
    names: list[str]
    exclusions: list[str]
    version: int


class Brands(Shown):
    """All brands."""

    brands: list[Brand]


class BrandRequest(Read):
    """A brand as it shall be."""

    kind: BrandKindWord
    names: Annotated[
        list[str], Field(min_length=1, max_length=50, description="In any language.", examples=[["知客", "Zhike"]])
    ]
    exclusions: Annotated[
        list[str],
        Field(max_length=50, description="Longer texts in which a name means something else.", examples=[["知客寮"]]),
    ] = []

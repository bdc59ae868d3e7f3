"""Controls as merchandisers read and write them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.schemas.forms import IdentifierText, Language, Read, RequestId, Shown, Time
from gateway.schemas.storefront import ProductCard

ControlStateWord = Literal["draft", "scheduled", "live", "paused", "ended", "archived"]
ActionWord = Literal["boost", "bury", "pin", "exclude", "filter", "cap", "synonyms", "redirect"]
StepWord = Literal["schedule", "launch", "pause", "archive"]
Values = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=100)]


class ControlCondition(Read):
    """When it applies: an empty field does not matter, all others must hold, each by any of its values."""

    queries: Annotated[Values, Field(description="Whole queries (search).")] = []
    terms: Annotated[Values, Field(description="Words or phrases of a query (search).")] = []
    placements: Annotated[Values, Field(description="Placements (recommendation).")] = []
    segments: Values = []
    product_ids: Annotated[Values, Field(description="Products that the page is about (recommendation).")] = []
    categories: Annotated[Values, Field(description="Categories that the page is about: a level or a path.")] = []
    channels: Values = []
    shops: Values = []


class ControlTarget(Read):
    """Which products: all fields given must hold, each by any of its values."""

    product_ids: Values = []
    categories: Values = []
    brands: Values = []
    tags: Values = []


class ControlPin(Read):
    """A product at a place."""

    product_id: Annotated[str, Field(min_length=1, max_length=100)]
    position: Annotated[int, Field(ge=1, le=50)]


class ControlAction(Read):
    """What it does; a field that the type does not use must be left out."""

    type: ActionWord
    target: ControlTarget = ControlTarget()
    strength: Annotated[
        int, Field(ge=0, le=9, description="Boost and bury: divides or multiplies ranks by it + 1.")
    ] = 0
    pins: Annotated[list[ControlPin], Field(max_length=20)] = []
    maximum: Annotated[int, Field(ge=0, le=50, description="Cap: at most so many.")] = 0
    per: Annotated[Literal["", "brand", "category"], Field(description="Cap: what is counted.")] = ""
    words: Annotated[Values, Field(description="Synonyms: stand for the condition's terms, or for one another.")] = []
    url: Annotated[str, Field(max_length=500, description="Redirect: a path of the shop or an https page.")] = ""


class ControlContent(Read):
    """What a person writes of a Control."""

    title: Annotated[str, Field(min_length=1, max_length=120)]
    condition: ControlCondition = ControlCondition()
    action: ControlAction
    start_time: Annotated[Time | None, Field(description="Served from then on.")] = None
    end_time: Annotated[Time | None, Field(description="Served until then.")] = None
    note: Annotated[str, Field(max_length=2_000)] = ""


class NewControl(ControlContent):
    """A new draft."""

    request_id: RequestId = ""


class ControlStepRequest(Read):
    """A step."""

    despite_conflicts: Annotated[bool, Field(description="Also where it contradicts others.")] = False


class ControlPreviewRequest(Read):
    """What to look at."""

    id: Annotated[str, Field(max_length=64, description="The Control, or the one that the draft is an edit of.")] = ""
    content: Annotated[ControlContent | None, Field(description="A draft; without it the Control as it is kept.")] = (
        None
    )
    identifiers: Annotated[list[IdentifierText], Field(max_length=8, description="The customer; none: unknown.")] = []
    placement: Annotated[str, Field(max_length=64)] = ""
    query: Annotated[str, Field(max_length=256)] = ""
    product_ids: Values = []
    language: Language = "zh"
    page_size: Annotated[int, Field(ge=1, le=50)] = 12
    shop: Annotated[str, Field(max_length=64)] = ""
    channel: Annotated[str, Field(max_length=16)] = ""


class ControlDryRunRequest(Read):
    """What to measure."""

    id: Annotated[str, Field(max_length=64)] = ""
    content: ControlContent | None = None
    sample: Annotated[int, Field(ge=0, le=1_000, description="Customers or queries; 0: 1,000 or 200.")] = 0
    request_id: RequestId = ""


class ControlCheckRequest(Read):
    """A draft."""

    id: Annotated[str, Field(max_length=64, description="The Control that it is an edit of.")] = ""
    content: ControlContent


class Control(Shown):
    """A Control."""

    id: str
    version: int
    state: ControlStateWord | str
    content: ControlContent
    create_time: datetime
    update_time: datetime
    author: str
    steps: Annotated[list[StepWord | str], Field(description="What may be done to it now.")]


class ControlConflict(Shown):
    """A contradiction with a Control that is live or scheduled, or with the catalogue."""

    kind: str
    control_id: str
    title: str
    product_ids: list[str]
    position: int


class ControlConflicts(Shown):
    """What contradicts a draft."""

    conflicts: list[ControlConflict]


class ControlChange(Shown):
    """One line of history."""

    time: datetime
    actor: str
    step: str
    version: int
    before: dict[str, Any]
    after: dict[str, Any]


class SavedControl(Shown):
    """A Control with what contradicts it, and its history, the latest first."""

    control: Control
    conflicts: list[ControlConflict]
    history: list[ControlChange]


class ControlStateCount(Shown):
    """How many Controls are in a state."""

    state: ControlStateWord | str
    count: int


class Controls(Shown):
    """A page of Controls, the last changed first; counts, and what this service can do, beside it."""

    controls: list[Control]
    next_page_token: str
    counts: list[ControlStateCount]
    actions: list[ActionWord | str]
    placements: list[str]
    segments: list[str]


class ControlEffect(Shown):
    """A Control that touched a slot."""

    control_id: str
    title: str
    action: ActionWord | str


class SlotTrace(Shown):
    """Why a product stands where it stands."""

    source: str
    model: str
    score: float
    rank: Annotated[int, Field(description="In the blend, before any Control; 0: it was not there.")]
    origin: Literal["ranked", "pinned", "filled"] | str
    effects: list[ControlEffect]
    position: int


class PreviewSlot(Shown):
    """One slot."""

    product_id: str
    product: ProductCard
    reason: str
    trace: SlotTrace


class PreviewSide(Shown):
    """Before, or after."""

    slots: list[PreviewSlot]
    redirect: str
    synonyms: list[str]
    fallback_reason: str
    total_size: int


class ControlPreview(Shown):
    """What a customer would see before and after."""

    before: PreviewSide
    after: PreviewSide
    applies: Annotated[bool, Field(description="Whether the condition holds for this request.")]


class DryRunMover(Shown):
    """A product that is shown more, or less."""

    product_id: str
    titles: dict[str, str]
    count: Annotated[int, Field(description="To how many of those looked at.")]


class ControlDryRun(Shown):
    """What a Control would change."""

    unit: Literal["customers", "queries"] | str
    looked_at: int
    changed: Annotated[int, Field(description="Of those, how many would see something else.")]
    redirected: int
    slots: int
    slots_changed: int
    share: float
    gained: list[DryRunMover]
    lost: list[DryRunMover]
    placement: str = ""

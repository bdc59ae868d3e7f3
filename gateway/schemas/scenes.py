"""Scenes as staff write them and shoppers see them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.schemas.forms import Read, RequestId, Shown, Time
from gateway.schemas.storefront import ProductCard

State = Literal["draft", "live", "archived"]


class SceneWords(Read):
    """A text in Chinese and English."""

    zh: Annotated[str, Field(max_length=2_000)] = ""
    en: Annotated[str, Field(max_length=2_000)] = ""


class SceneHotspot(Read):
    """A place in the picture and the product that is there."""

    x: Annotated[int, Field(ge=0, le=1_000, description="Thousandths of the width, from the left.")]
    y: Annotated[int, Field(ge=0, le=1_000, description="Thousandths of the height, from the top.")]
    product_id: Annotated[str, Field(min_length=1, max_length=128)]


class SceneBenefit(Read):
    """What the goods are good for, in the words for a segment."""

    segment: Annotated[str, Field(max_length=64, description="Empty for everybody.", examples=["regular"])] = ""
    text: SceneWords


class SceneContent(Read):
    """What a scene says. Of a change, the fields that it names; null takes a time away."""

    name: Annotated[str, Field(max_length=200, description="What staff know it by, at most 80 characters.")] = ""
    media_id: Annotated[str, Field(max_length=64, description="Of an uploaded picture.")] = ""
    alt: Annotated[SceneWords, Field(description="What the picture shows, for those who do not see it.")] = SceneWords()
    title: SceneWords = SceneWords()
    benefits: Annotated[list[SceneBenefit], Field(max_length=12)] = []
    hotspots: Annotated[list[SceneHotspot], Field(max_length=24)] = []
    start_time: Annotated[Time | None, Field(description="Shown from then on; always, without.")] = None
    end_time: Annotated[Time | None, Field(description="Shown until then; for ever, without.")] = None
    min_in_stock: Annotated[
        int, Field(ge=0, le=24, description="Hidden when fewer of its products are in stock; 0 means half of them.")
    ] = 0


class NewScene(SceneContent):
    """A new draft."""

    shop: Annotated[str, Field(max_length=64, description="By default the key's.")] = ""
    request_id: RequestId = ""


class MoveScene(Read):
    """Nothing to say."""


class SceneChange(Shown):
    """A field before and after, as JSON."""

    field: str
    before: str
    after: str


class SceneEntry(Shown):
    """Who changed what, when."""

    version: int
    time: datetime | None
    actor: str
    action: Literal["created", "edited", "published", "withdrawn", "archived", "reopened"] | str
    changes: list[SceneChange]


class SceneRemark(Shown):
    """What keeps a scene from being published or shown."""

    code: Annotated[str, Field(examples=["TOO_FEW_IN_STOCK"])]
    about: Annotated[str, Field(description="The field, language or product.")]


class Scene(Shown):
    """A scene as staff see it."""

    id: str
    shop: str
    state: State
    name: str
    media_id: str
    alt: dict[str, str] | None
    title: dict[str, str] | None
    benefits: list[SceneBenefit]
    hotspots: list[SceneHotspot]
    start_time: datetime | None
    end_time: datetime | None
    min_in_stock: int
    version: int
    create_time: datetime | None
    update_time: datetime | None
    history: Annotated[list[SceneEntry], Field(description="The newest first; empty in lists.")]
    shown: Annotated[bool, Field(description="To somebody, now.")]
    in_stock: Annotated[int, Field(description="Products that are in stock.")]
    products: int
    needed: Annotated[int, Field(description="Products that must be in stock.")]
    remarks: list[SceneRemark]


class Scenes(Shown):
    """A page of scenes, the newest first."""

    scenes: list[Scene]
    next_page_token: str


class Media(Shown):
    """A stored picture."""

    id: Annotated[str, Field(description="The SHA-256 of its bytes; the picture is at /v1/media/{id}.")]
    media_type: Literal["image/png", "image/jpeg", "image/webp"] | str
    size_bytes: int
    width: int
    height: int
    actor: str
    create_time: datetime | None


class ShownHotspot(Shown):
    """A place in the picture and the product's card."""

    x: int
    y: int
    product: ProductCard


class ShownScene(Shown):
    """A scene for this visitor, in one language."""

    id: str
    title: str
    benefit: str
    segment: Annotated[str, Field(description="Whose words these are; empty for everybody's.")]
    image: Annotated[str, Field(description="The picture's address.")]
    alt: str
    width: int
    height: int
    hotspots: list[ShownHotspot]


class ShownScenes(Shown):
    """Scenes for this visitor, the best first."""

    scenes: list[ShownScene]


class Segment(Shown):
    """A segment that visitors are found to be in."""

    name: str
    label: dict[str, str] | None


class Segments(Shown):
    """All segments that need not be named by the shop."""

    segments: list[Segment]

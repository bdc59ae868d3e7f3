"""What an operator reads of tone models."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from gateway.schemas.forms import Read, Shown


class ToneModel(Shown):
    """A tone model with its card: what it was made of, and how good it is on texts that it did not see."""

    version: str
    in_force: bool
    digest: Annotated[str, Field(description="SHA-256 of its arrays.")]
    create_time: datetime
    promote_time: datetime
    data: Annotated[dict[str, int], Field(description="Texts by the file that they came from.")]
    data_digest: Annotated[str, Field(description="SHA-256 of the texts and labels as they were read.")]
    texts: int
    copies: Annotated[int, Field(description="Texts that are copies of others; they lie in one fold.")]
    by_label: dict[str, int]
    by_language: Annotated[dict[str, int], Field(description="It knows those with 500 texts or more.")]
    accuracy: Annotated[float, Field(description="Five folds, each judged by a model of the others.")]
    majority: Annotated[float, Field(description="What always saying the same would reach.")]
    calibration_error: Annotated[float, Field(description="Expected calibration error of its probabilities.")]
    accuracy_at_80: Annotated[float, Field(description="On the four fifths that it is most sure of.")]
    decided: Annotated[float, Field(description="Share of texts outside the band in which it says unsure.")]
    decided_accuracy: float
    features: int


class ToneModels(Shown):
    """The models that are or were in force, the present one first."""

    models: list[ToneModel]


class PromoteTone(Read):
    """Puts an earlier model in force again."""

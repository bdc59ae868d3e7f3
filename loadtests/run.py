"""One run's settings, handed from the command to the locustfile by the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from loadtests.shapes.plan import SHAPES, Shape
from loadtests.users.merchandiser import PRICE_EDIT

GATES = Path(__file__).with_name("gates.yaml")
SEED = 2026


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What to run. ``folder`` takes the ledger and the report; ``name`` begins every id of the run."""

    shape: str
    folder: Path
    name: str
    url: str
    load_key: str
    staff_key: str = ""
    shorten: float = 1.0
    gates: Path = GATES
    seed: int = SEED
    edits: bool = False

    @property
    def planned(self) -> Shape:
        """The shape of this run. Raises KeyError, ValueError."""
        return SHAPES[self.shape].shortened(self.shorten)

    @property
    def unasked(self) -> frozenset[str]:
        """Routes that this run has no leave to ask for."""
        return frozenset() if self.edits else frozenset({PRICE_EDIT})

    def environment(self) -> dict[str, str]:
        """Return what a process needs to read the plan again."""
        return {
            "ZHIKE_LOAD_SHAPE": self.shape,
            "ZHIKE_LOAD_FOLDER": str(self.folder),
            "ZHIKE_LOAD_RUN": self.name,
            "ZHIKE_URL": self.url,
            "ZHIKE_LOAD_KEY": self.load_key,
            "ZHIKE_LOAD_STAFF_KEY": self.staff_key,
            "ZHIKE_LOAD_SHORTEN": str(self.shorten),
            "ZHIKE_LOAD_GATES": str(self.gates),
            "ZHIKE_LOAD_SEED": str(self.seed),
            "ZHIKE_LOAD_EDITS": "1" if self.edits else "",
        }

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read a plan. Raises KeyError for what is missing."""
        return cls(
            shape=environment["ZHIKE_LOAD_SHAPE"],
            folder=Path(environment["ZHIKE_LOAD_FOLDER"]),
            name=environment["ZHIKE_LOAD_RUN"],
            url=environment["ZHIKE_URL"],
            load_key=environment["ZHIKE_LOAD_KEY"],
            staff_key=environment.get("ZHIKE_LOAD_STAFF_KEY", ""),
            shorten=float(environment.get("ZHIKE_LOAD_SHORTEN") or 1),
            gates=Path(environment.get("ZHIKE_LOAD_GATES") or GATES),
            seed=int(environment.get("ZHIKE_LOAD_SEED") or SEED),
            edits=bool(environment.get("ZHIKE_LOAD_EDITS")),
        )

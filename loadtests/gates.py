"""What a run must hold, read from gates.yaml, and whether it did."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import yaml

from loadtests.ledger import Kept
from loadtests.measurements import Measurements, Outcome, percentile

EXIT_HELD: Final = 0
EXIT_BREACHED: Final = 1
EXIT_VOID: Final = 3
RAMP_S: Final = 2.0  # until all users of a run are there and asked once
_PERCENTILES: Final[Mapping[str, float]] = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}


class GatesError(ValueError):
    """The file of gates does not say what it must."""


@dataclass(frozen=True, slots=True)
class Gates:
    """The limits of one shape; None is no limit. ``routes``: route -> percentile's name -> milliseconds."""

    cpu_share_max: float
    requests_min: int
    failure_ratio_max: float
    lost_max: int
    doubled_max: int
    shed_ratio_max: float | None = None
    shed_min: int | None = None
    recovery_s_max: float | None = None
    recovered_p95_ms: float = math.inf
    routes: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def for_run(self, *, seconds: float, whole_s: float) -> "Gates":
        """Return the gates of a run of ``seconds`` of a shape that takes ``whole_s``: fewer requests are due."""
        share = max(0.0, seconds - RAMP_S) / (whole_s - RAMP_S)
        return replace(self, requests_min=int(self.requests_min * share))

    def without(self, routes: Collection[str]) -> "Gates":
        """Return the gates of a run that may not ask for these routes; of all others a run must ask."""
        return replace(self, routes={route: each for route, each in self.routes.items() if route not in routes})


def read_gates(path: Path, shape: str) -> Gates:
    """Return the gates of a shape. Raises GatesError, also for a word that no gate has: a typo must not open one."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise GatesError(f"{path}: {error}") from error
    return gates_from(content, shape)


def gates_from(content: Any, shape: str) -> Gates:
    """Return the gates of a shape from a parsed file. Raises GatesError."""
    try:
        limits = dict(content["shapes"][shape])
        gates = Gates(cpu_share_max=content["generator"]["cpu_share_max"], **limits)
    except (KeyError, TypeError) as error:
        raise GatesError(f"gates of {shape!r}: {error}") from error
    for route, each in gates.routes.items():
        unknown = set(each) - set(_PERCENTILES)
        if unknown or not each:
            raise GatesError(f"gates of {route!r}: {sorted(unknown) or 'no percentile'}")
    for name in Gates.__slots__:
        value = getattr(gates, name)
        if name != "routes" and value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise GatesError(f"{name} is no number: {value!r}")
    return gates


@dataclass(frozen=True, slots=True)
class Run:
    """What a run showed beside its measurements. ``recovery_s``: None where the shape has no peak."""

    cpu_share: float
    kept: Kept | None
    recovery_s: float | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One gate: what was seen, what it allows, whether that holds."""

    name: str
    seen: float
    limit: float
    held: bool


def evaluate(gates: Gates, measured: Measurements, run: Run) -> list[Check]:
    """Return every gate with what was seen. Nothing measured holds nothing: NaN fails each comparison."""
    requests = measured.requests
    failed = measured.outcomes[Outcome.FAILED] / requests if requests else math.nan
    shed = measured.outcomes[Outcome.SHED]
    checks = [
        _at_least("requests", requests, gates.requests_min),
        _at_most("failure ratio", failed, gates.failure_ratio_max),
    ]
    if gates.shed_ratio_max is not None:
        checks.append(_at_most("shed ratio", shed / requests if requests else math.nan, gates.shed_ratio_max))
    if gates.shed_min is not None:
        checks.append(_at_least("shed", shed, gates.shed_min))
    if gates.recovery_s_max is not None:
        seen = math.nan if run.recovery_s is None else run.recovery_s
        checks.append(_at_most("recovery s", seen, gates.recovery_s_max))
    for route, limits in gates.routes.items():
        latencies = measured.latencies_ms(route)
        for name, limit in limits.items():
            seen = percentile(latencies, _PERCENTILES[name])
            checks.append(_at_most(f"{route} {name.removesuffix('_ms')} ms", seen, limit))
    kept = run.kept
    checks.append(_at_least("acknowledged", kept.acknowledged if kept else math.nan, 1))
    checks.append(_at_most("lost", kept.lost if kept else math.nan, gates.lost_max))
    checks.append(_at_most("doubled", kept.doubled if kept else math.nan, gates.doubled_max))
    return checks


def exit_code(gates: Gates, checks: list[Check], run: Run) -> int:
    """Return how the process ends: a void run says nothing of the platform, so it neither holds nor breaches."""
    if not run.cpu_share <= gates.cpu_share_max:
        return EXIT_VOID
    return EXIT_HELD if all(check.held for check in checks) else EXIT_BREACHED


def _at_most(name: str, seen: float, limit: float) -> Check:
    return Check(name, seen, limit, held=seen <= limit)


def _at_least(name: str, seen: float, limit: float) -> Check:
    return Check(name, seen, limit, held=seen >= limit)

"""Random lives of alerts: a shop whose brand and product get into trouble, persons who act, silences, and the clock.

``Desk`` is the smallest honest store: one alert a key, what was told in the order of telling. Everything that a desk
does is written as a step that can be drawn, so a failing life shrinks to the few steps that matter.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from services.reputation.domain import alert_steps
from services.reputation.domain.alerts import Alert, AlertName, Cause, Entry, EntryKind, Group, GroupKind, entries_since
from services.reputation.domain.errors import AlertFullError, AlertStateError
from services.reputation.domain.escalation import Suppression, ladder_of, tick
from services.reputation.domain.levels import Assessment, Level
from services.reputation.domain.raising import Sighting, closed_by_next, needs_closing, observed
from services.reputation.domain.silences import Matcher, Silence, suppression_of

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOLD = timedelta(hours=24)
LADDER = ladder_of("I=5/15/30/60;II=15/60;III=60;IV=")
BRAND = Group("main", GroupKind.BRAND, "acme")
PRODUCT = Group("main", GroupKind.PRODUCT, "p-1", brand="acme")
OTHER = Group("main", GroupKind.BRAND, "other")
FEED = Group("main", GroupKind.SOURCE, "feed-1")
GROUPS = (BRAND, PRODUCT, OTHER, FEED)
STEPS = {"acknowledge", "mitigate", "comment", "resolve", "close", "reopen"}
_POINTS = {Level.I: 14, Level.II: 9, Level.III: 6, Level.IV: 1}


@dataclass(frozen=True, slots=True)
class Burst:
    """A bucket that bursts. ``again``: how often the evaluation of that bucket is repeated."""

    group: Group
    level: Level
    again: int = 0


@dataclass(frozen=True, slots=True)
class Recovery:
    """A silent source speaks again."""

    group: Group


@dataclass(frozen=True, slots=True)
class Deed:
    """A person does something; ``again``: the same call arrives twice."""

    group: Group
    step: str
    owner: str
    again: bool = False


@dataclass(frozen=True, slots=True)
class Quiet:
    """A silence over some labels for some hours."""

    matchers: tuple[Matcher, ...]
    hours: int


@dataclass(frozen=True, slots=True)
class Lift:
    """All silences are expired."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes, with a look at the clock at the end of it."""

    minutes: int


Step = Burst | Recovery | Deed | Quiet | Lift | Wait

groups = st.sampled_from(GROUPS)
levels = st.sampled_from(tuple(Level))
matchers = st.sampled_from(
    (
        (Matcher("brand", "acme"),),
        (Matcher("shop", "main"),),
        (Matcher("shop", "main"), Matcher("level", "I", is_equal=False)),
        (Matcher("kind", "product"),),
        (Matcher("alertname", "SourceSilent"),),
    )
)
steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(Burst, groups, levels, st.integers(0, 2)),
    st.builds(Burst, groups, levels),
    st.builds(Recovery, st.just(FEED)),
    st.builds(Deed, groups, st.sampled_from(sorted(STEPS)), st.sampled_from(("li", "wang")), st.booleans()),
    st.builds(Deed, groups, st.sampled_from(("acknowledge", "resolve")), st.just("li")),
    st.builds(Quiet, matchers, st.integers(1, 48)),
    st.just(Lift()),
    st.builds(Wait, st.sampled_from((1, 5, 5, 5, 16, 61, 600, 1_441))),
)
lives = st.lists(steps, min_size=1, max_size=40)


@dataclass(frozen=True, slots=True)
class Told:
    """Something that left the desk."""

    alert_id: str
    entry: Entry

    @property
    def cause(self) -> Cause:
        assert self.entry.cause is not None
        return self.entry.cause


@dataclass
class Desk:
    """The alerts of one shop, and everything that was told."""

    now: datetime = START
    alerts: dict[str, Alert] = field(default_factory=dict)
    newest: dict[str, str] = field(default_factory=dict)
    silences: list[Silence] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    suppressed_when_told: list[Suppression | None] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)

    def of(self, group: Group) -> Alert | None:
        """Return the group's newest alert."""
        return self.alerts.get(self.newest.get(group.key, ""))

    def suppress(self, alert: Alert) -> Suppression | None:
        """Say what withholds the alert's pages now."""
        return suppression_of(alert, self.silences, self.alerts.values(), self.now)

    def keep(self, after: Alert) -> None:
        """Save an alert and tell what its new entries say is to be told."""
        before = self.alerts.get(after.id)
        self.alerts[after.id] = after
        if before is None:
            self.newest[after.group.key] = after.id
        for entry in entries_since(before, after):
            if entry.kind is EntryKind.NOTIFIED:
                self.told.append(Told(after.id, entry))
                wakes = entry.cause is not None and entry.cause.kind.wakes
                self.suppressed_when_told.append(self.suppress(after) if wakes else None)

    def take(self, step: Step) -> None:
        """Do one step."""
        match step:
            case Burst():
                self._burst(step)
            case Recovery(group):
                if (alert := self.of(group)) is not None:
                    self.keep(alert_steps.resolve_by_itself(alert, now=self.now, comment="it speaks again"))
            case Deed():
                for _ in range(1 + step.again):
                    self._do(step)
            case Quiet(wanted, hours):
                end = self.now + timedelta(hours=hours)
                self.silences.append(Silence(f"s{len(self.silences)}", wanted, "planned", "li", self.now, end))
            case Lift():
                self.silences.clear()
            case Wait(minutes):
                self.now += timedelta(minutes=minutes)
        self.look_at_the_clock()

    def look_at_the_clock(self) -> None:
        """Give every alert the clock's time, twice: the second look must find nothing."""
        for alert_id in tuple(self.alerts):
            self.keep(tick(self.alerts[alert_id], self.now, LADDER, self.suppress))
        for alert_id, alert in self.alerts.items():
            assert tick(alert, self.now, LADDER, self.suppress) is alert, alert_id

    def _burst(self, step: Burst) -> None:
        source = step.group.kind is GroupKind.SOURCE
        sighting = Sighting(
            AlertName.SOURCE_SILENT if source else AlertName.BURST,
            step.group,
            self.now,
            Assessment(step.level, _POINTS[step.level], ()),
            reopens_while_held=source,
        )
        self.sightings.append(sighting)
        for _ in range(1 + step.again):
            before = self.of(step.group)
            after = observed(before, sighting, self.now, HOLD, self.suppress)
            if needs_closing(before, after) and before is not None:
                self.keep(closed_by_next(before, self.now))
            self.keep(after)

    def _do(self, step: Deed) -> None:
        alert = self.of(step.group)
        if alert is None:
            return
        deeds: dict[str, Callable[[], Alert]] = {
            "acknowledge": lambda: alert_steps.acknowledge(
                alert, actor="li", owner=step.owner, comment="on it", now=self.now
            ),
            "mitigate": lambda: alert_steps.mitigate(alert, actor="li", comment="statement out", now=self.now),
            "comment": lambda: alert_steps.comment_on(
                alert, actor="li", comment="a word", request=f"{self.now} {step.owner}", now=self.now
            ),
            "resolve": lambda: alert_steps.resolve(alert, actor="li", comment="over", now=self.now),
            "close": lambda: alert_steps.close(alert, actor="li", comment="", now=self.now),
            "reopen": lambda: alert_steps.reopen(
                alert, actor="li", comment="again", now=self.now, is_newest=True, suppress=self.suppress
            ),
        }
        try:
            self.keep(deeds[step.step]())
        except (AlertStateError, AlertFullError):
            assert self.alerts[alert.id] is alert

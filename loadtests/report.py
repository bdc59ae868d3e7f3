"""What a run says of itself: a line while it runs, the tables at its end."""

import math

from rich.console import Console
from rich.table import Table

from loadtests.gates import EXIT_HELD, EXIT_VOID, Check, Gates, Run
from loadtests.measurements import Measurements, Outcome, percentile

PROGRESS_S = 5


def progress_line(measured: Measurements, *, second: int, users: int, cpu_share: float) -> str:
    """Return how the last seconds went."""
    recent = measured.since(max(0, second - PROGRESS_S))
    answers = sum(recent.outcomes.values())
    p95 = percentile(recent.latencies_ms, 0.95)
    return (
        f"{second:>4} s  {users:>4} users  {answers / PROGRESS_S:>6.1f} requests/s  p95 {_shown(p95)} ms  "
        f"{measured.outcomes[Outcome.FAILED]} failed  {measured.outcomes[Outcome.SHED]} shed  "
        f"generator {cpu_share:.0%} of a core"
    )


def routes_table(measured: Measurements) -> Table:
    """Return every route with its latencies in milliseconds."""
    table = Table(title="Routes (ms)", box=None, header_style="bold", title_justify="left")
    for column in ("route", "ok", "failed", "shed", "p50", "p95", "p99", "max"):
        table.add_column(column, justify="left" if column == "route" else "right")
    for route in sorted(measured.by_route):
        latencies, outcomes = measured.latencies_ms(route), measured.by_route[route]
        figures = [percentile(latencies, share) for share in (0.5, 0.95, 0.99, 1.0)]
        table.add_row(route, *(str(outcomes[each]) for each in Outcome), *map(_shown, figures))
    return table


def gates_table(checks: list[Check]) -> Table:
    """Return every gate with what was seen."""
    table = Table(title="Gates", box=None, header_style="bold", title_justify="left")
    for column in ("gate", "seen", "limit", ""):
        table.add_column(column, justify="right" if column in {"seen", "limit"} else "left")
    for check in checks:
        mark = "[green]held[/]" if check.held else "[bold red]BREACHED[/]"
        table.add_row(check.name, _shown(check.seen), _shown(check.limit), mark)
    return table


def print_report(
    console: Console, gates: Gates, measured: Measurements, run: Run, verdict: tuple[list[Check], int]
) -> None:
    """Print the end of a run."""
    checks, code = verdict
    console.print(routes_table(measured))
    for reason, count in measured.reasons.most_common(10):
        console.print(f"  {count} x {reason}", markup=False)
    console.print(gates_table(checks))
    if run.recovery_s is not None:
        console.print(f"recovered {_shown(run.recovery_s)} s after the peak")
    if run.kept is not None:
        kept = run.kept
        console.print(
            f"{kept.acknowledged} events and {kept.prices} prices acknowledged: "
            f"{kept.lost} lost, {kept.doubled} doubled (asked by the way of: {kept.door})"
        )
    console.print(f"generator {run.cpu_share:.1%} of a core (limit {gates.cpu_share_max:.0%})")
    if code == EXIT_VOID:
        console.print("[bold yellow]VOID[/]: the generator was too busy, its latencies describe itself")
    else:
        console.print("[bold green]HELD[/]" if code == EXIT_HELD else "[bold red]BREACHED[/]")


def _shown(value: float) -> str:
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "never"
    return f"{value:.0f}" if value == int(value) or value >= 100 else f"{value:.4g}"

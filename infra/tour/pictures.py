"""Draws a step's evidence as a picture of a terminal (SVG), for a README or a report."""

import re
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from infra.tour.walk import StepReport

WIDTH_COLUMNS = 104
SHOWN_EXCHANGES = 3
EXCERPT_CHARACTERS = 300
# Rich's pictures ask a foreign host for a font; a picture of ours loads nothing from anywhere.
_FOREIGN_FONT = re.compile(r"@font-face\s*\{.*?\}", re.DOTALL)


def draw_steps(reports: tuple[StepReport, ...], folder: Path) -> None:
    """Write one SVG for each step into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for report in reports:
        (folder / f"tour-{report.name}.svg").write_text(step_svg(report), encoding="utf-8")


def step_svg(report: StepReport) -> str:
    """Return the picture of one step."""
    console = Console(record=True, width=WIDTH_COLUMNS, file=StringIO(), force_terminal=True, legacy_windows=False)
    console.print(Text("✓ " if report.ok else "✗ ", style="bold green" if report.ok else "bold red"), end="")
    console.print(Text(report.purpose, style="bold"))
    if not report.ok:
        console.print(Text(report.seen, style="red"))
    for exchange in report.evidence[-SHOWN_EXCHANGES:]:
        console.print(Text(f"\n{exchange.request}", style="cyan"), Text(f"→ {exchange.status}", style="bold"))
        console.print(Text(exchange.excerpt[:EXCERPT_CHARACTERS], style="dim"))
    return _FOREIGN_FONT.sub("", console.export_svg(title=f"zhike tour: {report.name}", theme=MONOKAI))

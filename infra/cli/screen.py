"""What the command prints with: one console for people on standard error, plain text on standard output."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

people = Console(stderr=True, highlight=False)
output = Console(highlight=False, soft_wrap=True)


def progress_bar() -> Progress:
    """Return a bar for long work; it is quiet where no terminal reads it."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        console=people,
    )

"""Generated code in the repository is what its sources generate."""

import subprocess
import sys

from tests.architecture.source_tree import ROOT


def test_the_generated_protos_are_fresh() -> None:
    command = [sys.executable, "protos/generate.py", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]

"""The page about the sandbox: its program about identities is run. The other ones stand around a user's own code."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sandbox.md"
SECTION = PAGE.read_text(encoding="utf-8").partition("\n## Identities\n")[2].partition("\n## ")[0]
BLOCKS = re.findall(r"^```python\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL)


def test_the_page_has_python() -> None:
    """Else the next test would hold for an empty list."""
    assert BLOCKS


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_every_python_block_runs(block: str) -> None:
    exec(compile(block, str(PAGE), "exec"), {"__name__": "docs"})  # noqa: S102  (our own page)

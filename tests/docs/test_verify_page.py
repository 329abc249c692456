"""The page about the audit names every code as the audit has it, and its scheduled job is one that zizmor passes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from gitops_infra.audit.verification.exposure import Code, Repair, Severity
from gitops_infra.audit.verify import CODES

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "verify.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("| ").split(" | ")] for line in TEXT.splitlines() if line.startswith("| `")
]
WORDS = {Repair.UP: "up", Repair.FORCE: "force", Repair.HAND: "hand"}


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_every_code_has_a_row_with_its_severity_and_repair(code: Code) -> None:
    (row,) = [row for row in ROWS if row[0] == f"`{code.name}`"]
    assert row[1:3] == [code.severity.value, WORDS[code.repair]]


def test_the_page_has_no_other_codes() -> None:
    told = {row[0].strip("`") for row in ROWS if len(row) == 4}
    assert told == {code.name for code in CODES}


def test_every_severity_is_explained() -> None:
    assert [row[0].strip("`") for row in ROWS if row[0].strip("`") in set(Severity)] == list(Severity)


def test_the_scheduled_job_is_pinned_and_asks_for_the_least(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n(name: verify\n.*?)```", TEXT, re.DOTALL)
    path = tmp_path / "verify.yml"
    path.write_text(text)
    job = YAML(typ="safe").load(text)["jobs"]["verify"]
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.search(r"@[0-9a-f]{40}$", each) for each in used)
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("zizmor")),
            *("--offline", "--persona", "auditor", "--strict-collection", "--no-exit-codes"),
            *("--format", "json-v1", "--no-progress", str(path)),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == []

"""The output `retained`, as it was saved before a destroy."""

import json
from pathlib import Path
from typing import Any

import pytest

from gitops_infra.recovery.retained import NoRetained, Retained, read_retained

INCOMPLETE = "FILE has an entry of `retained` without `type`, `name` or `id`"
ONE = {"type": "github:index/repository:Repository", "name": "shop-repository", "id": "shop"}


@pytest.mark.parametrize("data", [{"retained": [ONE], "access": {}}, [ONE]], ids=["all outputs", "retained alone"])
def test_it_is_read_from_all_outputs_or_alone(tmp_path: Path, data: Any) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(json.dumps(data))
    assert read_retained(file) == (Retained(ONE["type"], ONE["name"], ONE["id"]),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "FILE cannot be read: it is no JSON. Write it with `pulumi stack output --json`"),
        (
            "{}",
            (
                "FILE has no list `retained`. Write it with `pulumi stack output --json` before `pulumi destroy`, in a "
                "program that exports `retained` of its GitOpsTopology"
            ),
        ),
        (
            '{"retained": [{"type": "a", "name": "b"}]}',
            INCOMPLETE,
        ),
        ("[7]", INCOMPLETE),
        ('[{"type": "a", "name": "b", "id": ""}]', INCOMPLETE),
    ],
)
def test_anything_else_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "outputs.json"
    file.write_text(text)
    with pytest.raises(NoRetained) as refused:
        read_retained(file)
    assert str(refused.value) == message.replace("FILE", str(file))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoRetained, match=r"absent.json cannot be read: No such file or directory\. "):
        read_retained(tmp_path / "absent.json")


def test_a_file_that_cannot_be_an_output_is_not_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "zeros"
    with file.open("wb") as stream:
        stream.truncate(2**34)
    with pytest.raises(NoRetained, match="is larger than 16,777,216 bytes: it is no output of a stack"):
        read_retained(file)

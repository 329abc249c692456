from io import StringIO

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gitops_infra.pipelines.render import Noted, to_yaml

LEAVES = st.one_of(st.booleans(), st.integers(), st.text("ab '\":#-{}[]%&*!|>\\0", max_size=9))
DOCUMENTS = st.dictionaries(
    st.from_regex(r"[a-z-]{1,9}", fullmatch=True),
    st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abc"), inner), max_leaves=9),
    min_size=1,
)


@settings(max_examples=30, deadline=None)
@given(DOCUMENTS)
def test_what_is_written_reads_back(document: dict[str, object]) -> None:
    assert YAML(typ="safe").load(StringIO(to_yaml(document))) == document


def test_a_document_keeps_its_order_its_remarks_and_its_scripts() -> None:
    document = {
        "on": {"push": {"branches": ["main"]}},
        "permissions": {"contents": Noted("read", "fetch the history")},
        "steps": [{"run": "set -e\necho done\n"}, Noted("last", "the end")],
    }
    assert to_yaml(document, "Made by a test.\nTwo lines.") == (
        "# Made by a test.\n"
        "# Two lines.\n"
        "on:\n"
        "  push:\n"
        "    branches:\n"
        "      - main\n"
        "permissions:\n"
        "  contents: read  # fetch the history\n"
        "steps:\n"
        "  - run: |\n"
        "      set -e\n"
        "      echo done\n"
        "  - last  # the end\n"
    )


def test_a_remark_does_not_change_what_a_text_equals() -> None:
    assert {"contents": Noted("read", "why")} == {"contents": "read"}

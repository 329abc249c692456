"""What is read of an imported repository."""

import pytest

from gitops_infra import ConfigurationError
from gitops_infra.forges.github.repository import refuse_hidden


@pytest.mark.parametrize(
    "merging", [(True, True, True), (False, False, True), (None, None, None), (False, None, False)]
)
def test_settings_that_show_are_accepted(merging: tuple[bool | None, ...]) -> None:
    """None is a value that is not known, as in a preview."""
    refuse_hidden("acme/shop", merging)


def test_a_repository_where_nothing_can_be_merged_is_one_that_hides_it() -> None:
    """GitHub refuses to turn off all three."""
    with pytest.raises(ConfigurationError, match="does not show its merge settings to this token") as refused:
        refuse_hidden("acme/shop", (False, False, False))
    assert [problem.code for problem in refused.value.problems] == ["settings-hidden"]

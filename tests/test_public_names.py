"""The public door of the package: its names, and what it costs to open."""

import subprocess
import sys

import pytest

import gitops_infra


@pytest.mark.parametrize("name", gitops_infra.__all__)
def test_every_public_name_can_be_loaded(name: str) -> None:
    assert getattr(gitops_infra, name).__name__ == name


def test_the_list_is_sorted_and_is_what_dir_says() -> None:
    assert list(gitops_infra.__all__) == sorted(gitops_infra.__all__)
    assert dir(gitops_infra) == list(gitops_infra.__all__)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Clusters'"):
        gitops_infra.Clusters  # type: ignore[attr-defined]  # noqa: B018 - the access is the test


@pytest.mark.parametrize("sdk", ["pulumi", "pulumi_github", "pulumi_tls", "pydantic", "ruamel"])
def test_opening_it_loads_no_sdk(sdk: str) -> None:
    check = f"import sys, gitops_infra; sys.exit({sdk!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0

from collections.abc import Callable

from gitops_infra.plan.build import plan
from gitops_infra.plan.model import File
from gitops_infra.topology.topology import Topology

NEW = {"existing": False, "code_owners": False}


def test_an_existing_repository_gets_no_file(topology: Callable[..., Topology]) -> None:
    assert plan(topology()).application.files == ()


def test_owners_own_the_workflows_and_every_manifests_folder(topology: Callable[..., Topology]) -> None:
    made = plan(topology(application={**NEW, "owners": ["@acme/platform", "@ana"]}, staging={"manifests": "k8s/test/"}))
    assert made.application.files[0] == File(
        key="code-owners",
        path=".github/CODEOWNERS",
        content=(
            "# Changes of these paths decide what runs in an environment, so they need a review by their owners.\n"
            "/.github/ @acme/platform @ana\n"
            "/k8s/test/ @acme/platform @ana\n"
            "/deploy/production/ @acme/platform @ana\n"
            "/deploy/review/ @acme/platform @ana\n"
        ),
        message="Add code owners",
    )


def test_every_manifests_folder_is_kept_in_git_by_a_readme(topology: Callable[..., Topology]) -> None:
    files = plan(topology(application=NEW)).application.files
    assert [(file.key, file.path) for file in files] == [
        ("manifests-staging", "deploy/staging/README.md"),
        ("manifests-production", "deploy/production/README.md"),
        ("manifests-review", "deploy/review/README.md"),
    ]
    assert files[0].content == (
        "# staging\n\nManifests of the environment `staging` (staging). They change by reviewed pull request only.\n"
    )

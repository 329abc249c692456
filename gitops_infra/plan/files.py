"""Files written once to a new application repository. An existing repository gets none."""

from collections.abc import Iterable

from gitops_infra.plan.model import Environment, File
from gitops_infra.topology.application import Application

CODE_OWNERS_PATH = ".github/CODEOWNERS"


def code_owners(owners: Iterable[str], manifests: Iterable[str]) -> str:
    """Text of a CODEOWNERS file: who owns `.github/` (workflows, and the file itself) and each manifests folder.

    In CODEOWNERS the last matching line wins, so nothing narrower may follow a line of ours.
    """
    names = " ".join(owners)
    paths = ["/.github/", *(f"/{folder.strip('/')}/" for folder in manifests)]
    head = "# Changes of these paths decide what runs in an environment, so they need a review by their owners.\n"
    return head + "".join(f"{path} {names}\n" for path in paths)


def manifests_readme(environment: Environment) -> str:
    """Text of the README that keeps an environment's manifests folder in git while it is empty."""
    return (
        f"# {environment.name}\n\n"
        f"Manifests of the environment `{environment.name}` ({environment.kind.value}). "
        "They change by reviewed pull request only.\n"
    )


def application_files(application: Application, environments: Iterable[Environment]) -> tuple[File, ...]:
    """The files, in the order in which they are written. The promotion workflows are added by `pipelines.render`.

    GitHub makes the repository's own README.
    """
    if application.existing:
        return ()
    environments = tuple(environments)
    folders = {environment.manifests.strip("/"): environment for environment in environments}
    files = [
        File(
            key=f"manifests-{environment.name}",
            path=f"{folder}/README.md",
            content=manifests_readme(environment),
            message=f"Add the manifests folder of {environment.name}",
        )
        for folder, environment in folders.items()
    ]
    if application.owners:
        owned = File("code-owners", CODE_OWNERS_PATH, code_owners(application.owners, folders), "Add code owners")
        files.insert(0, owned)
    return tuple(files)

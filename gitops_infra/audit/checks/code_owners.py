"""The CODEOWNERS file of an existing repository: there, and naming people who count."""

from collections.abc import Iterator, Mapping

from gitops_infra.audit.findings import Finding, error
from gitops_infra.audit.scene import Scene, of_repository

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where GitHub looks, in its order."""

LONGEST = 80


def check(scene: Scene) -> Iterator[Finding]:
    """Findings where the topology says that there are code owners; a file that is wrong makes main unmergeable."""
    live = scene.live()
    if live is None or not scene.topology.application.code_owners:
        return
    repository, branch = scene.application, str(live.get("default_branch"))
    there = any(
        scene.reader.get("/repos/{}/{}/contents/" + path, repository.owner, repository.name, ref=branch).ok
        for path in PLACES
    )
    if not there:
        yield error(
            of_repository(repository),
            "no-code-owners",
            f"the topology says that it has a CODEOWNERS file, and there is none on `{branch}`",
            "Add `.github/CODEOWNERS` (`gitops-infra render` prints one), or set `code_owners: false`",
        )
        return
    answer = scene.reader.get("/repos/{}/{}/codeowners/errors", repository.owner, repository.name, ref=branch)
    found = answer.data.get("errors") if answer.ok and isinstance(answer.data, Mapping) else None
    for entry in found or ():
        yield _error(scene, entry)


def _error(scene: Scene, entry: Mapping[str, object]) -> Finding:
    """Source of the shape: GitHub REST, "List CODEOWNERS errors"."""
    source, suggestion = str(entry.get("source") or "").strip(), str(entry.get("suggestion") or "").strip()
    return error(
        of_repository(scene.application),
        "code-owner",
        f"{entry.get('path')}:{entry.get('line')}: {str(entry.get('kind')).lower()} in {source[:LONGEST]!a}, which "
        "GitHub ignores; where nobody else is named, no pull request can be merged",
        (suggestion[:1].upper() + suggestion[1:]) or "Correct that line by a pull request",
    )

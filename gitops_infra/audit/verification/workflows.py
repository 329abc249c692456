"""Workflow files on the default branch against what the plan renders. They change by pull request, as planned."""

import hashlib

from gitops_infra.audit.verification.exposure import Code, Repair, Report, Severity
from gitops_infra.audit.verification.scene import Place
from gitops_infra.pipelines.github_actions import workflow_files, workflows
from gitops_infra.pipelines.render import to_yaml
from gitops_infra.plan.model import Plan

FOLDER = ".github/workflows"
MISSING = Code(
    "workflow-missing",
    Severity.MEDIUM,
    "nobody gains by it; nothing promotes to the environment",
    Repair.HAND,
    "Run `gitops-infra render` and add the file by pull request",
)
DIFFERS = Code(
    "workflow-differs",
    Severity.MEDIUM,
    "a reviewed change may be meant; one that was not loses the check that only commits of the default branch are "
    "promoted",
    Repair.HAND,
    "Run `gitops-infra render`, compare, and take it over by pull request",
)
CODES = (MISSING, DIFFERS)


def check(place: Place) -> Report:
    """Findings about generated workflows. An existing repository without any of them promotes in its own way."""
    wanted = _wanted(place.scene.whole)
    if not wanted:
        return
    live = place.live() or {}
    owner, name, branch = place.repository.owner, place.repository.name, str(live.get("default_branch"))
    listing = place.scene.reader.pages(f"/repos/{{}}/{{}}/contents/{FOLDER}", owner, name, ref=branch)
    if not listing.answer.ok and listing.answer.status != 404:  # noqa: PLR2004 - no such folder
        yield from place.entries("its workflows", "contents (read)", f"contents/{FOLDER}", ref=branch)
        return
    there = {str(entry.get("path")): str(entry.get("sha")) for entry in listing.entries if isinstance(entry, dict)}
    if place.repository.existing and not there.keys() & wanted.keys():
        return
    for path, texts in wanted.items():
        where = f"file {path} of {place.repository.full_name}"
        if path not in there:
            yield MISSING.at(where, "the promotion workflow", f"no such file on {branch}")
        elif there[path] not in {blob(text) for text in texts}:
            yield DIFFERS.at(where, "the workflow that `gitops-infra render` prints", f"another text on {branch}")


def _wanted(plan: Plan) -> dict[str, tuple[str, str]]:
    """By path, the text that `up` writes, which has a heading, and the one that `gitops-infra render` prints."""
    documents = workflows(plan)
    return {file.path: (file.content, to_yaml(documents[file.path])) for file in workflow_files(plan)}


def blob(text: str) -> str:
    """The id that git gives to a file with this text."""
    content = text.encode()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()

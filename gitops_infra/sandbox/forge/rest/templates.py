"""New repositories from a template repository."""

from gitops_infra.sandbox.forge.git.bare import ABSENT, FORGE, BareRepository
from gitops_infra.sandbox.forge.model import Repository
from gitops_infra.sandbox.forge.responses import Response, not_found
from gitops_infra.sandbox.forge.rest import repositories
from gitops_infra.sandbox.forge.router import Call, Routes

FIELDS = {"owner": str, "name": str, "description": str, "include_all_branches": bool, "private": bool}


def generate(call: Call) -> Response:
    """A new repository with the files of the template: one commit on each branch, and nothing of its history.

    Takes the default branch only, unless `include_all_branches`. 404 for a repository that is no template.
    Sources: GitHub REST, "Create a repository using a template"; GitHub, "Creating a repository from a template".
    """
    template = call.repository("contents", "read")
    if not template.settings.get("is_template"):
        raise not_found()
    body = call.fields("Repository", FIELDS, required="name")
    owner = repositories.future_owner(call, body.get("owner"))
    visibility = "private" if body.get("private") else "public"
    repository = repositories.make(
        call.store, owner, body["name"], visibility=visibility, default_branch=template.default_branch
    )
    _copy(call.git(template), call.git(repository), template, every=bool(body.get("include_all_branches")))
    repository.settings["description"] = body.get("description")
    repository.template_id = template.id
    repositories.welcome(call, owner, repository)
    return Response(201, repositories.full_shape(call, repository))


def _copy(source: BareRepository, target: BareRepository, template: Repository, *, every: bool) -> None:
    branches = [name.removeprefix("refs/heads/") for name in source.refs("refs/heads/")]
    for branch in branches if every else [template.default_branch]:
        tree = source.resolve(f"refs/heads/{branch}^{{tree}}")
        if tree is None:  # a template without a first commit gives an empty repository
            continue
        target.copy_tree(source, tree)
        target.update_ref(f"refs/heads/{branch}", target.commit_tree(tree, [], "Initial commit", FORGE), ABSENT)


ROUTES: Routes = {("POST", "/repos/{owner}/{repo}/generate"): generate}

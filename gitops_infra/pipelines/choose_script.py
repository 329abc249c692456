"""The shell script that chooses and checks the commit of a promotion.

How the commit of a source environment is known: where the source's branch is in the application repository, or in a
public state repository, the head of that branch is asked for, which only the source's credential can move. A private
state repository cannot be read without a further credential, so the record of GitHub is asked: the promotion workflow
sets the environment's URL to the promoted commit, and GitHub keeps it with the status of the deployment. Everybody with
write access can forge such a record: it guards against mistakes. That the commit is one of the default branch is
checked in any case.
"""

from enum import Enum

from gitops_infra.pipelines.shell import FAIL, GIVE_GIT, START, edge_names, literals
from gitops_infra.plan.model import Environment, Plan, Promotion
from gitops_infra.topology.vocabulary import Trigger, Visibility


class Record(Enum):
    """Where it is written which commit a source environment runs."""

    OWN_BRANCH = "its branch, in the application repository"
    PUBLIC_BRANCH = "its branch, in a public state repository"
    DEPLOYMENTS = "GitHub's deployments of the application repository"


_FETCH = """\
rm -rf "$work"
mkdir -p "$work"
if [ -n "${GITHUB_TOKEN:-}" ]; then give_git "$GITHUB_TOKEN"; fi
application="${GITHUB_SERVER_URL:?}/${GITHUB_REPOSITORY:?}.git"
git init --quiet --bare --template= "$history"
git -C "$history" fetch --quiet --no-tags "$application" "+refs/heads/$default_branch:refs/heads/$default_branch" \\
  || fail "cannot read $default_branch of $GITHUB_REPOSITORY"
"""

_OWN_BRANCH = """\
# The head of the source's branch is what the source runs: nobody but its own credential can move it.
tested="$(git ls-remote "$application" "refs/heads/$source_branch" | cut -f1)" \\
  || fail "cannot read $source_branch of $GITHUB_REPOSITORY"
"""

_PUBLIC_BRANCH = """\
# The head of the source's branch is what the source runs: nobody but its own credential can move it. Read without the
# job's token, which belongs to another repository.
source_url="${GITHUB_SERVER_URL:?}/$source_repository.git"
tested="$(GIT_CONFIG_COUNT=0 git ls-remote "$source_url" "refs/heads/$source_branch" | cut -f1)" \\
  || fail "cannot read $source_branch of $source_repository"
"""

_DEPLOYMENTS = """\
# The state repository of the source is not public: ask for the commit of its last deployment that succeeded.
export GITOPS_SOURCE="$source" GITOPS_SOURCE_RUNS_ITS_OWN_COMMIT="$source_runs_its_own_commit"
tested="$(python3 -I - <<'PYTHON'
import json
import os
import re
import sys
import urllib.parse
import urllib.request

api = os.environ.get("GITHUB_API_URL") or os.environ["GITHUB_SERVER_URL"] + "/api/v3"
deployments = f"{api}/repos/{os.environ['GITHUB_REPOSITORY']}/deployments"
headers = {"Accept": "application/vnd.github+json"}
if os.environ.get("GITHUB_TOKEN"):
    headers["Authorization"] = "Bearer " + os.environ["GITHUB_TOKEN"]


def get(url):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
        return json.load(answer)


try:
    query = urllib.parse.urlencode({"environment": os.environ["GITOPS_SOURCE"], "per_page": 50})
    for deployment in get(f"{deployments}?{query}"):
        for status in get(f"{deployments}/{deployment['id']}/statuses?per_page=100"):
            if status["state"] != "success":
                continue
            named = re.fullmatch("https?://.*/commit/([0-9a-f]{40})", status.get("environment_url") or "")
            if named:
                sys.exit(print(named[1]))
            if os.environ["GITOPS_SOURCE_RUNS_ITS_OWN_COMMIT"] == "yes":
                sys.exit(print(deployment["sha"]))
except (OSError, ValueError) as error:
    sys.exit(f"the deployments of {os.environ['GITOPS_SOURCE']} cannot be read: {error}")
PYTHON
)" || fail "cannot tell which commit $source runs"
"""

_TESTED = {
    Record.OWN_BRANCH: _OWN_BRANCH,
    Record.PUBLIC_BRANCH: _PUBLIC_BRANCH,
    Record.DEPLOYMENTS: _DEPLOYMENTS,
}

_NOTHING_TESTED = """\
[[ "$tested" =~ ^[0-9a-f]{40}$ ]] || fail "$source runs nothing yet: promote to $source first"
"""

_OWN_COMMIT = """\
sha="${GITHUB_SHA:?}"
"""

_CHOOSE = {
    Trigger.ON_DEFAULT_BRANCH: _OWN_COMMIT,
    Trigger.ON_RELEASE: """\
tag="${GITOPS_TAG:?}"
git check-ref-format "refs/tags/$tag" || fail "the tag has a name that git refuses"
# GitHub does not filter releases by tag, so it is done here. As in a ruleset, * stops at a slash.
# shellcheck disable=SC2053
[[ "$tag" == $tags && "${tag//[!\\/]/}" == "${tags//[!\\/]/}" ]] || fail "the tag $tag is none of $tags"
git -C "$history" fetch --quiet --no-tags "$application" "refs/tags/$tag:refs/tags/$tag" || fail "there is no tag $tag"
sha="$(git -C "$history" rev-parse --verify --quiet "refs/tags/$tag^{commit}")" || fail "the tag $tag names no commit"
""",
}

_GIVEN_OR_TESTED = """\
sha="${GITOPS_SHA:-$tested}"
"""

_GIVEN_OR_HEAD = """\
sha="${GITOPS_SHA:-$(git -C "$history" rev-parse "refs/heads/$default_branch")}"
"""

_GIVEN_OR_OWN = """\
sha="${GITOPS_SHA:-${GITHUB_SHA:?}}"
"""

_CHECK = """\
[[ "$sha" =~ ^[0-9a-f]{40}$ ]] || fail "the commit must be given as 40 lower-case hexadecimal digits"
git -C "$history" merge-base --is-ancestor "$sha" "refs/heads/$default_branch" 2>/dev/null \\
  || fail "$sha is not a commit of $default_branch"
"""

_CHECK_TESTED = """\
git -C "$history" merge-base --is-ancestor "$sha" "$tested" 2>/dev/null \\
  || fail "$sha has not passed $source, which runs $tested"
"""

_CHECK_OWN = """\
# A ruleset asks for a deployment of the very commit, and GitHub records this job as one of the commit that it runs for.
[ "$sha" = "${GITHUB_SHA:?}" ] \\
  || fail "$gated requires a deployment to $environment, and GitHub records this one for $GITHUB_SHA:" \\
    "this run cannot promote $sha"
"""

_CHOSEN = """\
printf '%s\\n' "$sha" > "$work/sha"
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  printf 'url=%s/%s/commit/%s\\n' "$GITHUB_SERVER_URL" "$GITHUB_REPOSITORY" "$sha" >> "$GITHUB_OUTPUT"
fi
echo "$environment: chosen $sha"
"""


def choose_script(plan: Plan, promotion: Promotion) -> str:
    """Bash that chooses and checks the commit, and leaves it in a folder below `RUNNER_TEMP` for `move_script`.

    Fails with one line if it is not 40 hexadecimal digits, not on the default branch, or has not passed the source.
    Where another environment's ruleset requires a deployment to the target, only the commit of the run is promoted.
    """
    source = None if promotion.source is None else plan.environment(promotion.source)
    names = edge_names(plan, promotion) | _source_names(plan, source)
    gated = ", ".join(_requiring(plan, promotion.target))
    parts = [START, literals(names | ({"gated": gated} if gated else {})), FAIL, GIVE_GIT, _FETCH]
    if source is not None:
        parts += [_TESTED[record_of(plan, source)], _NOTHING_TESTED]
    parts += [_choice(promotion, gated=bool(gated)), _CHECK]
    parts += [_CHECK_TESTED] if source is not None else []
    parts += [_CHECK_OWN] if gated and _choice(promotion, gated=True) != _OWN_COMMIT else []
    return "".join([*parts, _CHOSEN])


def record_of(plan: Plan, source: Environment) -> Record:
    """Where it is written which commit the source runs, and what the job therefore must be able to read."""
    if source.repository == plan.application.full_name:
        return Record.OWN_BRANCH
    public = source.state is not None and source.state.visibility is Visibility.PUBLIC
    return Record.PUBLIC_BRANCH if public else Record.DEPLOYMENTS


def _choice(promotion: Promotion, *, gated: bool) -> str:
    if promotion.trigger in _CHOOSE:
        return _CHOOSE[promotion.trigger]
    if gated:
        return _GIVEN_OR_OWN
    return _GIVEN_OR_HEAD if promotion.source is None else _GIVEN_OR_TESTED


def _source_names(plan: Plan, source: Environment | None) -> dict[str, str]:
    if source is None:
        return {}
    names = {"source": source.name}
    record = record_of(plan, source)
    if record is Record.DEPLOYMENTS:
        # A run on the default branch promotes its own commit, which is then the commit of its deployment.
        starts = [edge.trigger for edge in plan.promotions if edge.target == source.name]
        return names | {"source_runs_its_own_commit": "yes" if starts == [Trigger.ON_DEFAULT_BRANCH] else "no"}
    if source.branch is None or source.repository is None:
        raise ValueError(f"'{source.name}' has no branch that could be promoted from")
    if record is Record.PUBLIC_BRANCH:
        names["source_repository"] = source.repository
    return names | {"source_branch": source.branch}


def _requiring(plan: Plan, name: str) -> list[str]:
    """Environments whose rulesets require a deployment to the one of that name."""
    return [
        environment.name
        for environment in plan.environments
        if any(name in ruleset.rules.required_deployments for ruleset in environment.rulesets)
    ]

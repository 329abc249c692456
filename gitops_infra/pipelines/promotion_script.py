"""The shell scripts of a promotion: choose one commit, then move the environment branch to it.

Two scripts, so that the step that reads the application repository never sees the deploy key, and the step that has the
key never sees the job's token. They run in bash with git, ssh and (where a source's state repository is not public)
python3, in a CI job or anywhere else, and read only:

- `GITHUB_SERVER_URL`, `GITHUB_REPOSITORY` (`owner/name` of the application), `RUNNER_TEMP`;
- `GITHUB_TOKEN`: reads the application repository; may be empty for a public one;
- `GITHUB_SHA` for a promotion on the default branch, `GITOPS_SHA` (may be empty) for one by approval, `GITOPS_TAG` for
  one by release;
- `GITHUB_API_URL`, where the source's commit is read from the deployments; default `GITHUB_SERVER_URL` + `/api/v3`;
- `GITOPS_DEPLOY_KEY`: the private key;
- `GITOPS_KNOWN_HOSTS`: host key lines, for any server but github.com, whose key is pinned below;
- `GITOPS_STATE_URL`: where to push instead of `ssh://git@<host of the server>/<state repository>.git`.

How the commit of a source environment is known: a public state repository is asked for the head of its branch, which
only the source's credential can move. A private one cannot be read without a further credential, so the record of
GitHub is asked: the promotion workflow sets the environment's URL to the promoted commit, and GitHub keeps it with the
status of the deployment. Everybody with write access can forge such a record: it guards against mistakes. That the
commit is one of the default branch is checked in either case.
"""

from shlex import quote

from gitops_infra.plan.credentials import SECRET_NAME
from gitops_infra.plan.model import Environment, Plan, Promotion
from gitops_infra.topology.vocabulary import Method, Trigger, Visibility

KNOWN_HOSTS = "github.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
"""GitHub's host key, as published in "GitHub's SSH key fingerprints"."""

_HEAD = """\
set -euo pipefail
umask 077
"""

_FAIL = """\
work="${RUNNER_TEMP:?}/gitops-$environment"
history="$work/history.git"
export GIT_TERMINAL_PROMPT=0
fail() {
  if [ "${GITHUB_ACTIONS:-}" = true ]; then printf '::error::' >&2; fi
  printf '%s\\n' "$*" >&2
  exit 1
}
"""

_FETCH = """\
rm -rf "$work"
mkdir -p "$work"
if [ -n "${GITHUB_TOKEN:-}" ]; then
  # Through the environment: every process of the machine can see the arguments of a command.
  export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="http.${GITHUB_SERVER_URL:?}/.extraheader"
  GIT_CONFIG_VALUE_0="AUTHORIZATION: basic $(printf 'x-access-token:%s' "$GITHUB_TOKEN" | base64 | tr -d '\\n')"
  export GIT_CONFIG_VALUE_0
fi
application="${GITHUB_SERVER_URL:?}/${GITHUB_REPOSITORY:?}.git"
git init --quiet --bare --template= "$history"
git -C "$history" fetch --quiet --no-tags "$application" "+refs/heads/$default_branch:refs/heads/$default_branch" \\
  || fail "cannot read $default_branch of $GITHUB_REPOSITORY"
"""

_SOURCE_HEAD = """\
# The head of the source's branch is what the source runs: nobody but its own credential can move it. Read without the
# job's token, which belongs to another repository.
source_url="${GITHUB_SERVER_URL:?}/$source_repository.git"
tested="$(GIT_CONFIG_COUNT=0 git ls-remote "$source_url" "refs/heads/$source_branch" | cut -f1)" \\
  || fail "cannot read $source_branch of $source_repository"
"""

_SOURCE_RECORD = """\
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

_NOTHING_TESTED = """\
[[ "$tested" =~ ^[0-9a-f]{40}$ ]] || fail "$source runs nothing yet: promote to $source first"
"""

_CHOOSE = {
    Trigger.ON_DEFAULT_BRANCH: """\
sha="${GITHUB_SHA:?}"
""",
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

_CHOOSE_TESTED = """\
sha="${GITOPS_SHA:-$tested}"
"""

_CHOOSE_HEAD = """\
sha="${GITOPS_SHA:-$(git -C "$history" rev-parse "refs/heads/$default_branch")}"
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

_CHOSEN = """\
printf '%s\\n' "$sha" > "$work/sha"
if [ -n "${GITHUB_OUTPUT:-}" ]; then
  printf 'url=%s/%s/commit/%s\\n' "$GITHUB_SERVER_URL" "$GITHUB_REPOSITORY" "$sha" >> "$GITHUB_OUTPUT"
fi
echo "$environment: chosen $sha"
"""

_MOVE = """\
trap 'rm -rf "$work"' EXIT
[ -s "$work/sha" ] || fail "no commit was chosen"
sha="$(cat "$work/sha")"
[ -n "${@SECRET@:-}" ] || fail "$environment has no secret @SECRET@: pulumi up makes it last, so run it to the end"
printf '%s\\n' "$@SECRET@" > "$work/key"
unset @SECRET@
server="${GITHUB_SERVER_URL:?}"
host="${server#*://}"
host="${host%%[:/]*}"
url="${GITOPS_STATE_URL:-ssh://git@$host/$state_repository.git}"
known="${GITOPS_KNOWN_HOSTS:-}"
if [ "$server" = https://github.com ]; then known=@KNOWN_HOSTS@; fi
case "$url" in
  ssh://*) [ -n "$known" ] || fail "GITOPS_KNOWN_HOSTS must give the host key lines of $host" ;;
esac
printf '%s\\n' "$known" > "$work/known_hosts"
export GITOPS_WORK="$work" GIT_SSH_VARIANT=ssh
export GIT_SSH_COMMAND='ssh -F /dev/null -i "$GITOPS_WORK/key" -o IdentitiesOnly=yes -o IdentityAgent=none \\
-o BatchMode=yes -o StrictHostKeyChecking=yes -o GlobalKnownHostsFile=/dev/null -o ConnectTimeout=30 \\
-o "UserKnownHostsFile=\\"$GITOPS_WORK/known_hosts\\""'
target="refs/heads/$branch"
before="$(git ls-remote "$url" "$target" | cut -f1)" \\
  || fail "$state_repository does not let the deploy key in: if the key was rotated meanwhile, run this job again"
if [ "$before" = "$sha" ]; then
  echo "$environment: $branch is at $sha already"
  exit 0
fi
if [ -n "$before" ]; then
  git -C "$history" fetch --quiet --no-tags "$url" "$target"
  if git -C "$history" merge-base --is-ancestor "$sha" "$before"; then
    fail "$branch is at $before, which contains $sha: it only moves forward. To go back, revert on $default_branch"
  fi
  git -C "$history" merge-base --is-ancestor "$before" "$sha" \\
    || fail "$branch has diverged: it is at $before, which is not contained in $sha"
fi
git -C "$history" push --quiet "$url" "$sha:$target" || fail "$state_repository refused to move $branch to $sha"
echo "$environment: $branch moved from ${before:-nothing} to $sha"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  echo "\\`$branch\\` of $state_repository moved from ${before:-nothing} to $sha." >> "$GITHUB_STEP_SUMMARY"
fi
"""


def choose_script(plan: Plan, promotion: Promotion) -> str:
    """Bash that chooses and checks the commit, and leaves it in a folder below `RUNNER_TEMP` for `move_script`.

    Fails with one line if it is not 40 hexadecimal digits, not on the default branch, or has not passed the source.
    """
    source = None if promotion.source is None else plan.environment(promotion.source)
    chosen = _CHOOSE.get(promotion.trigger) or (_CHOOSE_TESTED if source else _CHOOSE_HEAD)
    tested = [_SOURCE_HEAD if _public(source) else _SOURCE_RECORD, _NOTHING_TESTED] if source else []
    parts = [_literals(plan, promotion), _FAIL, _FETCH, *tested, chosen, _CHECK]
    return _HEAD + "".join([*parts, _CHECK_TESTED if source else "", _CHOSEN])


def move_script(plan: Plan, promotion: Promotion) -> str:
    """Bash that pushes the chosen commit to the environment branch, forward only, with the deploy key.

    Fails with one line if the branch has diverged or is ahead, if there is no key, or if the forge refuses. Moves
    nothing and succeeds if the branch is there already. The key is removed when it ends.
    """
    move = _MOVE.replace("@SECRET@", SECRET_NAME).replace("@KNOWN_HOSTS@", quote(KNOWN_HOSTS))
    return _HEAD + _literals(plan, promotion) + _FAIL + move


def promotion_script(plan: Plan, promotion: Promotion) -> str:
    """Both scripts as one, for use outside CI; each part runs without the other's credential."""
    choose, move = choose_script(plan, promotion), move_script(plan, promotion)
    return f"set -euo pipefail\n(\nunset {SECRET_NAME}\n{choose})\n(\nunset GITHUB_TOKEN\n{move})\n"


def _public(source: Environment | None) -> bool:
    return source is not None and source.state is not None and source.state.visibility is Visibility.PUBLIC


def _literals(plan: Plan, promotion: Promotion) -> str:
    """The names of this promotion as shell variables.

    Written into the script and not taken from CI variables: whoever may write to a repository may change those.
    """
    target = plan.environment(promotion.target)
    if target.state is None or target.branch is None or target.credential is None:
        raise ValueError(f"nothing can be promoted to '{target.name}': it has no credential")
    if promotion.method is not Method.FAST_FORWARD:
        raise ValueError(f"the promotion to '{target.name}' by {promotion.method.value} is not available yet")
    names = {
        "environment": target.name,
        "branch": target.branch,
        "state_repository": target.state.full_name,
        "default_branch": plan.application.default_branch,
    }
    if promotion.trigger is Trigger.ON_RELEASE:
        names["tags"] = promotion.tags
    if promotion.source is not None:
        source = plan.environment(promotion.source)
        names["source"] = source.name
        if _public(source) and source.state is not None and source.branch is not None:
            names |= {"source_repository": source.state.full_name, "source_branch": source.branch}
        else:
            # A run on the default branch promotes its own commit, which is then the commit of its deployment.
            starts = [edge.trigger for edge in plan.promotions if edge.target == source.name]
            own = starts == [Trigger.ON_DEFAULT_BRANCH]
            names["source_runs_its_own_commit"] = "yes" if own else "no"
    return "".join(f"{name}={quote(value)}\n" for name, value in names.items())

"""The shell script that moves an environment branch to the commit that was chosen."""

from gitops_infra.pipelines.admission import ADMISSIONS
from gitops_infra.pipelines.shell import FAIL, START, edge_names, literals
from gitops_infra.plan.model import Plan, Promotion

_CHOSEN = """\
leave() { rm -rf "$work"; }
trap leave EXIT
[ -s "$work/sha" ] || fail "no commit was chosen"
sha="$(cat "$work/sha")"
server="${GITHUB_SERVER_URL:?}"
"""

_MOVE = """\
target="refs/heads/$branch"
before="$(git ls-remote "$url" "$target" | cut -f1)" || fail "$refused"
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
git -C "$history" push --quiet "$url" "$sha:$target" || fail "$repository refused to move $branch to $sha"
echo "$environment: $branch moved from ${before:-nothing} to $sha"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
  echo "\\`$branch\\` of $repository moved from ${before:-nothing} to $sha." >> "$GITHUB_STEP_SUMMARY"
fi
"""


def move_script(plan: Plan, promotion: Promotion) -> str:
    """Bash that pushes the chosen commit to the environment branch, forward only, with the environment's credential.

    Fails with one line if the branch has diverged or is ahead, if there is no key, if the forge does not accept the
    credential, or if it refuses the push. Moves nothing and succeeds if the branch is there already. Whatever it was
    given is removed when it ends, and a token that it made is revoked.
    """
    names, credential = edge_names(plan, promotion), plan.environment(promotion.target).credential
    if credential is None:  # edge_names has refused that already
        raise ValueError(promotion.target)
    admission = ADMISSIONS[credential.kind]
    return "".join(
        [START, literals(names | admission.names(credential)), FAIL, _CHOSEN, admission.script(credential), _MOVE]
    )

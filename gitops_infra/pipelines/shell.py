"""What the shell scripts of a promotion have in common: how they start, how they fail, how git is given a token."""

from collections.abc import Mapping
from shlex import quote

from gitops_infra.plan.model import Plan, Promotion
from gitops_infra.topology.vocabulary import Method, Trigger

START = """\
set -euo pipefail
umask 077
"""

FAIL = """\
work="${RUNNER_TEMP:?}/gitops-$environment"
history="$work/history.git"
export GIT_TERMINAL_PROMPT=0
fail() {
  if [ "${GITHUB_ACTIONS:-}" = true ]; then printf '::error::' >&2; fi
  printf '%s\\n' "$*" >&2
  exit 1
}
"""

GIVE_GIT = """\
# Through the environment: every process of the machine can see the arguments of a command.
give_git() {
  export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0="http.${GITHUB_SERVER_URL:?}/.extraheader"
  GIT_CONFIG_VALUE_0="AUTHORIZATION: basic $(printf 'x-access-token:%s' "$1" | base64 | tr -d '\\n')"
  export GIT_CONFIG_VALUE_0
}
"""


def literals(names: Mapping[str, str]) -> str:
    """The names as assignments of shell variables.

    Written into the script and not taken from CI variables: whoever may write to a repository may change those.
    """
    return "".join(f"{name}={quote(value)}\n" for name, value in names.items())


def edge_names(plan: Plan, promotion: Promotion) -> dict[str, str]:
    """What both scripts of a promotion know: `environment`, `branch`, `repository` and `default_branch`.

    Raises ValueError for an environment that nothing can be promoted to, and for a method that is not available.
    """
    target = plan.environment(promotion.target)
    if target.branch is None or target.repository is None or target.credential is None:
        raise ValueError(f"nothing can be promoted to '{target.name}': it has no credential")
    if promotion.method is not Method.FAST_FORWARD:
        raise ValueError(f"the promotion to '{target.name}' by {promotion.method.value} is not available yet")
    return {
        "environment": target.name,
        "branch": target.branch,
        "repository": target.repository,
        "default_branch": plan.application.default_branch,
        **({"tags": promotion.tags} if promotion.trigger is Trigger.ON_RELEASE else {}),
    }

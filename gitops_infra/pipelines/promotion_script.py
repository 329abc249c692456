"""The shell scripts of a promotion: choose one commit, then move the environment branch to it.

Two scripts, so that the step that reads the application repository never sees the environment's credential, and the
step that has the credential never sees the job's token. They run in bash with git, ssh and python3 (and openssl for a
GitHub App), in a CI job or anywhere else, and read only:

- `GITHUB_SERVER_URL`, `GITHUB_REPOSITORY` (`owner/name` of the application), `RUNNER_TEMP`;
- `GITHUB_TOKEN`: reads the application repository; may be empty for a public one;
- `GITHUB_SHA` for a promotion on the default branch, `GITOPS_SHA` (may be empty) for one by approval, `GITOPS_TAG` for
  one by release;
- `GITHUB_API_URL`, where GitHub is asked for deployments or for an App's token; default `GITHUB_SERVER_URL` +
  `/api/v3`;
- `GITOPS_DEPLOY_KEY`, `GITOPS_USER_KEY` or `GITOPS_APP_KEY`: the private key of the one credential;
- `GITOPS_KNOWN_HOSTS`: host key lines, for any SSH server but github.com's, whose key is pinned;
- `GITOPS_STATE_URL`: where to push over SSH instead of `ssh://git@<host of the server>/<owner/name>.git`.
"""

from gitops_infra.pipelines.choose_script import choose_script
from gitops_infra.pipelines.move_script import move_script
from gitops_infra.plan.model import Plan, Promotion


def promotion_script(plan: Plan, promotion: Promotion) -> str:
    """Both scripts as one, for use outside CI; each part runs without the other's credential."""
    credential = plan.environment(promotion.target).credential
    choose, move = choose_script(plan, promotion), move_script(plan, promotion)
    forget = "" if credential is None else f"unset {credential.secret_name}\n"
    return f"set -euo pipefail\n(\n{forget}{choose})\n(\nunset GITHUB_TOKEN\n{move})\n"

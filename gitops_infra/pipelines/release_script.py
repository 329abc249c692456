"""The shell script that hands a release to the promotion workflow."""

from shlex import quote

from gitops_infra.plan.model import Plan, Promotion

_SCRIPT = """\
# Other tags are released too; the promotion itself checks again, since anybody may start it.
# shellcheck disable=SC2053
if [[ "${GITOPS_TAG:?}" != $tags || "${GITOPS_TAG//[!\\/]/}" != "${tags//[!\\/]/}" ]]; then
  echo "$GITOPS_TAG is none of $tags: nothing to promote"
  exit 0
fi
GITOPS_WORKFLOW="$workflow" GITOPS_DEFAULT_BRANCH="$default_branch" python3 -I - <<'PYTHON'
import json
import os
import sys
import urllib.request

api = os.environ.get("GITHUB_API_URL") or os.environ["GITHUB_SERVER_URL"] + "/api/v3"
url = f"{api}/repos/{os.environ['GITHUB_REPOSITORY']}/actions/workflows/{os.environ['GITOPS_WORKFLOW']}/dispatches"
body = {"ref": os.environ["GITOPS_DEFAULT_BRANCH"], "inputs": {"tag": os.environ["GITOPS_TAG"]}}
headers = {"Accept": "application/vnd.github+json", "Authorization": "Bearer " + os.environ["GITHUB_TOKEN"]}
try:
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    urllib.request.urlopen(request, timeout=30).close()
except (OSError, ValueError) as error:
    sys.exit(f"the promotion of {os.environ['GITOPS_TAG']} was not started: {error}")
print(f"started {os.environ['GITOPS_WORKFLOW']} for {os.environ['GITOPS_TAG']}")
PYTHON
"""


def release_script(plan: Plan, promotion: Promotion) -> str:
    """Bash that starts the promotion on the default branch if the tag `GITOPS_TAG` is one of the promotion's.

    Reads `GITHUB_SERVER_URL` or `GITHUB_API_URL`, `GITHUB_REPOSITORY`, and `GITHUB_TOKEN` with `actions: write`.
    """
    names = {
        "tags": promotion.tags,
        "workflow": f"promote-{promotion.target}.yml",
        "default_branch": plan.application.default_branch,
    }
    return "set -euo pipefail\n" + "".join(f"{name}={quote(value)}\n" for name, value in names.items()) + _SCRIPT

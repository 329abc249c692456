"""The shell function that makes, and revokes, a token of a GitHub App's installation.

`installation_token make` signs a JSON Web Token with the key in `$work/key`, finds the App's installation on
`$repository`, and prints a token that is good for an hour, for that repository and for what a promotion needs, and for
nothing else. When it fails it prints the reason, one line, and returns 1. `installation_token revoke` ends `$token`.

It needs python3 and openssl, both on GitHub's runners, and no action of anybody. Source: GitHub, "Generating a JSON Web
Token (JWT) for a GitHub App", and GitHub REST, "Create an installation access token for an app" and "Revoke an
installation access token". That an unknown App is answered with 404 and a foreign key with 401 is not confirmed there;
clients report it (actions/create-github-app-token 153).
"""

PERMISSIONS = {"contents": "write", "workflows": "write"}
"""What an App needs to move a branch: `workflows` because the commits may change files below `.github/workflows`."""

_PROGRAM = """\
import base64
import email.utils
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

api = os.environ.get("GITHUB_API_URL") or os.environ["GITHUB_SERVER_URL"] + "/api/v3"
app, repository, secret = (os.environ["GITOPS_" + name] for name in ("APP", "REPOSITORY", "SECRET"))
needed = @PERMISSIONS@


def give_up(reason):
    print(reason)
    sys.exit(1)


def signed():
    def encoded(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + 540, "iss": app}
    text = b".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    command = ["openssl", "dgst", "-sha256", "-sign", os.environ["GITOPS_WORK"] + "/key"]
    try:
        done = subprocess.run(command, input=text, capture_output=True)
    except FileNotFoundError:
        give_up("openssl is not installed, which signs for GitHub App " + app)
    if done.returncode:
        give_up(f"{secret} is no private key in PEM form: it must be the whole file that GitHub App {app} gave")
    return (text + b"." + encoded(done.stdout)).decode()


def ask(method, path, bearer, body=None):
    headers = {"Accept": "application/vnd.github+json", "Authorization": "Bearer " + bearer}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(api + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        if error.code == 401 and method == "GET":
            sent = email.utils.parsedate_tz(error.headers.get("Date"))
            ahead = round(time.time() - email.utils.mktime_tz(sent)) if sent else 0
            if abs(ahead) > 50:
                way = "ahead" if ahead > 0 else "behind"
                give_up(f"the clock of this machine is {abs(ahead)} s {way}, and GitHub refuses what it signs")
            give_up(f"{secret} is no key of GitHub App {app}: it belongs to another one, or was deleted")
        try:
            told = json.load(error).get("message")
        except (ValueError, AttributeError):
            told = None
        return error.code, {"message": str(told or error.reason).splitlines()[0]}


def make():
    bearer = signed()
    status, found = ask("GET", f"/repos/{repository}/installation", bearer)
    if status == 404:
        status, own = ask("GET", "/app", bearer)
        if status != 200:
            give_up(f"there is no GitHub App {app}: `writer.app` of the topology must be its id")
        give_up(f"GitHub App {app} is not installed on {repository}: install it at {own['html_url']}/installations/new")
    if status != 200:
        give_up(f"GitHub App {app} cannot be looked up: {found['message']}")
    where = found.get("html_url") or "the settings of the owner"
    if found.get("suspended_at"):
        give_up(f"GitHub App {app} is suspended on {repository}: unsuspend it at {where}")
    held = found.get("permissions", {})
    missing = " and ".join(f"{name}: {level}" for name, level in needed.items() if held.get(name) != level)
    if missing:
        give_up(f"GitHub App {app} lacks {missing} on {repository}: add it to the App, then accept it at {where}")
    body = {"repositories": [repository.partition("/")[2]], "permissions": needed}
    status, made = ask("POST", f"/app/installations/{found['id']}/access_tokens", bearer, body)
    if status != 201:
        give_up(f"GitHub App {app} got no token: {made['message']}")
    print(made["token"])


try:
    if sys.argv[1] == "make":
        make()
    else:
        sys.exit(ask("DELETE", "/installation/token", os.environ["GITOPS_TOKEN"])[0] != 204)
except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
    give_up(f"{api} gave no usable answer: {type(error).__name__}")
"""

INSTALLATION_TOKEN = f"""\
installation_token() {{
  GITOPS_APP="$app" GITOPS_REPOSITORY="$repository" GITOPS_SECRET=@SECRET@ GITOPS_WORK="$work" GITOPS_TOKEN="$token" \\
    python3 -I - "$1" <<'PYTHON'
{_PROGRAM.replace("@PERMISSIONS@", repr(PERMISSIONS).replace("'", '"'))}PYTHON
}}
"""

"""How the job that moves a branch gets in, by kind of credential: shell that ends with git able to push to `$url`.

Each reads its own secret and leaves `url`, and `refused`: what to say when the forge does not let it in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from shlex import quote

from gitops_infra.pipelines.installation_token import INSTALLATION_TOKEN
from gitops_infra.pipelines.shell import GIVE_GIT
from gitops_infra.plan.credentials import GITHUB_COM_HOST_KEY, KNOWN_HOSTS
from gitops_infra.plan.model import Credential, CredentialKind

_KEY = """\
[ -n "${@SECRET@:-}" ] || fail "$environment has no secret @SECRET@: pulumi up makes it last, so run it to the end"
printf '%s\\n' "$@SECRET@" > "$work/key"
unset @SECRET@
"""

_SSH = """\
host="${server#*://}"
host="${host%%[:/]*}"
url="${GITOPS_STATE_URL:-ssh://git@$host/$repository.git}"
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
"""

_DEPLOY_KEY_REFUSED = """\
refused="$repository does not let the deploy key in: if the key was rotated meanwhile, run this job again"
"""

_USER_REFUSED = """\
refused="$repository does not let machine user $user in: @SECRET@ must be an SSH key of that account, which needs the\\
 role write there"
"""

_APP = """\
token=""
leave() {
  if [ -n "$token" ] && ! installation_token revoke >&2; then
    echo "the token of GitHub App $app could not be revoked: it is good for an hour" >&2
  fi
  rm -rf "$work"
}
token="$(installation_token make)" || { reason="$token" token=""; fail "${reason:-GitHub App $app got no token}"; }
rm "$work/key"
if [ "${GITHUB_ACTIONS:-}" = true ]; then echo "::add-mask::$token"; fi
give_git "$token"
url="$server/$repository.git"
refused="$repository does not let GitHub App $app in"
"""


@dataclass(frozen=True)
class Admission:
    """The shell for one kind of credential."""

    parts: tuple[str, ...]
    names: Callable[[Credential], dict[str, str]]
    """What the script must know of the credential, as shell variables."""
    over_ssh: bool = True

    def script(self, credential: Credential) -> str:
        """The shell, which reads the credential's secret."""
        text = "".join(self.parts).replace("@KNOWN_HOSTS@", quote(GITHUB_COM_HOST_KEY))
        return text.replace("@SECRET@", credential.secret_name)

    def variables(self, credential: Credential) -> dict[str, str]:
        """The step's environment in a workflow: the secret, in no other step, and host keys where SSH is used."""
        known = {KNOWN_HOSTS: f"${{{{ vars.{KNOWN_HOSTS} }}}}"} if self.over_ssh else {}
        return {credential.secret_name: f"${{{{ secrets.{credential.secret_name} }}}}", **known}


ADMISSIONS: Mapping[CredentialKind, Admission] = {
    CredentialKind.DEPLOY_KEY: Admission((_KEY, _SSH, _DEPLOY_KEY_REFUSED), lambda _: {}),
    CredentialKind.MACHINE_USER: Admission((_KEY, _SSH, _USER_REFUSED), lambda held: {"user": held.user or ""}),
    CredentialKind.APP: Admission(
        (GIVE_GIT, _KEY, INSTALLATION_TOKEN, _APP), lambda held: {"app": str(held.app)}, over_ssh=False
    ),
}

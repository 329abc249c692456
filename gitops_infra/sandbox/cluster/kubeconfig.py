"""Kubeconfig files, complete in themselves: nothing in them points to another file."""

from base64 import b64encode

from gitops_infra.sandbox.cluster.authority import Credential

_TEMPLATE = """\
apiVersion: v1
kind: Config
clusters:
- name: {cluster}
  cluster:
    server: {server}
    certificate-authority-data: {authority}
users:
- name: {user}
  user:
{proof}
contexts:
- name: {cluster}
  context: {{cluster: {cluster}, user: {user}}}
current-context: {cluster}
"""


def with_certificate(cluster: str, server: str, authority: str, user: str, credential: Credential) -> str:
    """For a user who shows a client certificate."""
    proof = {"client-certificate-data": _data(credential.certificate), "client-key-data": _data(credential.key)}
    return _text(cluster, server, authority, user, proof)


def with_token(cluster: str, server: str, authority: str, user: str, token: str) -> str:
    """For a user, mostly a service account, who shows a bearer token."""
    return _text(cluster, server, authority, user, {"token": token})


def _text(cluster: str, server: str, authority: str, user: str, proof: dict[str, str]) -> str:
    lines = "\n".join(f"    {name}: {value}" for name, value in proof.items())
    quoted = '"' + user.replace("\\", "\\\\").replace('"', '\\"') + '"'  # a user such as system:admin has a colon
    return _TEMPLATE.format(cluster=cluster, server=server, authority=_data(authority), user=quoted, proof=lines)


def _data(text: str) -> str:
    return b64encode(text.encode()).decode()

"""Whoever changes settings past `pulumi up`: an owner at the REST interface, an administrator of the cluster."""

import base64
import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import asyncssh
import httpx
from kubernetes import config
from nacl.public import PublicKey, SealedBox
from ruamel.yaml import YAML

from gitops_infra.sandbox.forge.git.bare import FORGE, BareRepository
from gitops_infra.sandbox.forge.server import Sandbox

MERGE = "application/merge-patch+json"
EDITOR = "kubectl-edit"
"""Field manager of what is changed by hand."""

Body = dict[str, Any]


class Admin:
    """An owner of the organisation, with a personal token. Every method raises RuntimeError where it is refused."""

    def __init__(self, forge: Sandbox, login: str = "olivia") -> None:
        self.forge = forge
        self._http = httpx.Client(
            base_url=forge.api_url,
            headers={"Authorization": f"Bearer {forge.token(login)}"},
            trust_env=False,
            timeout=30,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._http.close()

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """What the forge answers to a request below the API's root."""
        answer = self._http.request(method, path, json=body)
        if not answer.is_success:
            raise RuntimeError(f"{method} {path} was answered {answer.status_code}: {answer.text[:300]}")
        return answer.json() if answer.content else None

    def repository(self, full_name: str, **settings: Any) -> None:
        """Changes settings of a repository."""
        self.send("PATCH", f"/repos/{full_name}", settings)

    def ruleset(self, full_name: str, name: str, edit: Callable[[Body], None] | None) -> None:
        """Changes the ruleset of that name as `edit` does, or deletes it."""
        listed = self.send("GET", f"/repos/{full_name}/rulesets?per_page=100")
        number = next(each["id"] for each in listed if each["name"] == name)
        path = f"/repos/{full_name}/rulesets/{number}"
        if edit is None:
            self.send("DELETE", path)
            return
        live = self.send("GET", path)
        fields = ("name", "target", "enforcement", "conditions", "rules", "bypass_actors")
        body = {field: live[field] for field in fields}
        edit(body)
        self.send("PUT", path, body)

    def key(self, full_name: str, title: str, *, read_only: bool) -> None:
        """Adds a deploy key that nobody else has the private half of."""
        public = asyncssh.generate_private_key("ssh-ed25519").export_public_key("openssh").decode()
        self.send("POST", f"/repos/{full_name}/keys", {"title": title, "key": public, "read_only": read_only})

    def without_key(self, full_name: str, title: str) -> None:
        """Deletes the deploy keys of that title."""
        for each in self.send("GET", f"/repos/{full_name}/keys?per_page=100"):
            if each["title"] == title:
                self.send("DELETE", f"/repos/{full_name}/keys/{each['id']}")

    def secret(self, place: str, name: str, **more: str) -> None:
        """Sets a secret: `place` is the path of the list, such as `repos/acme/shop/actions/secrets`."""
        key = self.send("GET", f"/{place}/public-key")
        box = SealedBox(PublicKey(base64.b64decode(key["key"]))).encrypt(b"whatever")
        body = {"encrypted_value": base64.b64encode(box).decode(), "key_id": key["key_id"], **more}
        self.send("PUT", f"/{place}/{name}", body)

    def environment(self, full_name: str, name: str, **fields: Any) -> None:
        """Changes the protection of a CI environment; what is not named stays."""
        self.send("PUT", f"/repos/{full_name}/environments/{name}", fields)

    def policies(self, full_name: str, name: str) -> str:
        """Path of the environment's deployment branch policies."""
        return f"/repos/{full_name}/environments/{name}/deployment-branch-policies"

    def hook(self, full_name: str, **fields: Any) -> None:
        """Changes the only webhook of a repository; with no fields, deletes it."""
        (found,) = self.send("GET", f"/repos/{full_name}/hooks")
        path = f"/repos/{full_name}/hooks/{found['id']}"
        self.send("PATCH", path, fields) if fields else self.send("DELETE", path)

    def hook_config(self, full_name: str, **fields: Any) -> None:
        """Changes where and how the only webhook of a repository is told."""
        (found,) = self.send("GET", f"/repos/{full_name}/hooks")
        self.send("PATCH", f"/repos/{full_name}/hooks/{found['id']}/config", fields)

    def file(self, full_name: str, path: str, text: str | None) -> None:
        """Writes a file of the default branch behind the rules' back, as a merged pull request would; None: deletes."""
        with self.forge.store.lock:
            self._write(full_name, path, text)

    def _write(self, full_name: str, path: str, text: str | None) -> None:
        store = self.forge.store
        repository = self.forge.repository(full_name)
        git = BareRepository(store.git_dir(repository))
        ref = f"refs/heads/{repository.default_branch}"
        head = str(git.resolve(ref))
        tree = git.run("ls-tree", "-r", head).splitlines()
        kept = [line for line in tree if line.partition("\t")[2] != path]
        if text is not None:
            blob = git.run("hash-object", "-w", "--stdin", input=text).strip()
            kept.append(f"100644 blob {blob}\t{path}")
        made = _tree(git, kept)
        git.update_ref(ref, git.commit_tree(made, [head], "A merged pull request", FORGE), head)


def _tree(git: BareRepository, lines: list[str]) -> str:
    """The tree with these files, each as `mode kind id<tab>path`."""
    inside: dict[str, list[str]] = {}
    here = []
    for line in lines:
        head, _, path = line.partition("\t")
        folder, slash, rest = path.partition("/")
        if slash:
            inside.setdefault(folder, []).append(f"{head}\t{rest}")
        else:
            here.append(line)
    here += [f"040000 tree {_tree(git, below)}\t{folder}" for folder, below in inside.items()]
    return str(git.run("mktree", input="".join(f"{line}\n" for line in here))).strip()


class ClusterAdmin:
    """An administrator of one cluster, who changes objects by hand and puts them back."""

    def __init__(self, kubeconfig: str) -> None:
        self._api = config.new_client_from_config_dict(YAML(typ="safe").load(kubeconfig))

    def close(self) -> None:
        """Closes its connections."""
        self._api.close()

    def get(self, path: str) -> Body:
        """The object at the path."""
        return self._call("GET", path)

    def merged(self, path: str, body: Mapping[str, Any]) -> None:
        """Changes the object, as `kubectl edit` does."""
        self._call("PATCH", path, body, MERGE)

    def make(self, path: str, body: Mapping[str, Any]) -> None:
        """Makes an object in the list at the path."""
        self._call("POST", path, body)

    def remove(self, path: str) -> None:
        """Deletes the object."""
        self._call("DELETE", path)

    def _call(self, method: str, path: str, body: Any = None, content: str = "application/json") -> Body:
        query = "" if body is None else f"?fieldManager={EDITOR}"
        url = f"{self._api.configuration.host}{path}{query}"
        answer = self._api.call_api(method, url, {"Accept": "application/json", "Content-Type": content}, body)
        text = answer.read()
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - the status class
            raise RuntimeError(f"{method} {path} was answered {answer.status}: {text[:300]!r}")
        found: Body = json.loads(text)
        return found

"""Reads from the API server of a cluster: bounded, errors in plain words, nothing changed."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from threading import Lock
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3

from gitops_infra.audit.bounded import NoAnswer, bounded
from gitops_infra.audit.cluster_credentials import Identity, identity
from gitops_infra.audit.cluster_failure import INSTALL, ClusterFailed
from gitops_infra.audit.kubeconfigs import Kubeconfig

CONNECT = 4.0
READ = 8.0
TOTAL = 12.0
"""Seconds for one question, names and proxies included; the last one is kept whatever hangs."""
LOST = ("unreachable", "untrusted", "refused-credentials", "bad-credentials")
"""Codes after which nobody asks again: the next question would take as long and end the same."""
AUTHORIZATION = "authorization.k8s.io/v1"
JSON = "application/json"
ONLY_METADATA = f"{JSON};as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

Object = Mapping[str, Any]


class ClusterReader:
    """Questions to one API server, by several threads if need be. Every method raises ClusterFailed."""

    def __init__(self, kubeconfig: Kubeconfig) -> None:
        """Asks nothing yet."""
        self.kubeconfig = kubeconfig
        self.host = urlsplit(kubeconfig.server).netloc
        self._lock = Lock()
        self._identity: Identity | None = None
        self._lost: ClusterFailed | None = None
        self._plurals: dict[str, Mapping[str, tuple[str, bool]] | None] = {}

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> Object | None:
        """The object; None where there is none. An API that is not served is the failure `api-absent`."""
        return self._answer("GET", f"{self._path(api_version, kind, namespace)}/{quote(name, safe='')}")

    def exists(self, api_version: str, kind: str, namespace: str | None, name: str) -> bool:
        """Whether there is one, without reading what is in it."""
        path = f"{self._path(api_version, kind, namespace)}/{quote(name, safe='')}"
        return self._answer("GET", path, accept=ONLY_METADATA) is not None

    def listed(self, api_version: str, kind: str, namespace: str | None = None) -> tuple[Object, ...]:
        """All objects of the kind, in one namespace or in all."""
        answer = self._answer("GET", self._path(api_version, kind, namespace)) or {}
        return tuple(answer.get("items") or ())

    def serves(self, api_version: str) -> bool:
        """Whether the API server has this version of the API."""
        return self._kinds(api_version) is not None

    def allowed(self, verb: str, group: str, resource: str, namespace: str | None = None, name: str = "") -> bool:
        """Whether this identity may do that. Asked by creating a review, which changes nothing."""
        wanted = {"verb": verb, "group": group, "resource": resource, "namespace": namespace or "", "name": name}
        body = {
            "apiVersion": AUTHORIZATION,
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {key: value for key, value in wanted.items() if value}},
        }
        answer = self._answer("POST", f"/apis/{AUTHORIZATION}/selfsubjectaccessreviews", body) or {}
        return bool((answer.get("status") or {}).get("allowed"))

    def _path(self, api_version: str, kind: str, namespace: str | None) -> str:
        kinds = self._kinds(api_version)
        if kinds is None or kind not in kinds:
            raise ClusterFailed("api-absent", f"the cluster serves no {kind} of {api_version}", _remedy(api_version))
        plural, namespaced = kinds[kind]
        inside = f"/namespaces/{quote(namespace, safe='')}" if namespaced and namespace else ""
        return f"{_root(api_version)}{inside}/{plural}"

    def _kinds(self, api_version: str) -> Mapping[str, tuple[str, bool]] | None:
        """By kind, its plural and whether it lives in a namespace; None where the API is not served."""
        with self._lock:
            if api_version not in self._plurals:
                answer = self._answer("GET", _root(api_version))
                rows = [row for row in (answer or {}).get("resources") or () if "/" not in row["name"]]
                found = {row["kind"]: (row["name"], bool(row["namespaced"])) for row in rows}
                self._plurals[api_version] = None if answer is None else found
            return self._plurals[api_version]

    def _answer(self, method: str, path: str, body: Object | None = None, accept: str = JSON) -> Object | None:
        if self._lost is not None:
            raise self._lost
        try:
            return bounded(lambda: self._asked(method, path, body, accept), TOTAL)
        except NoAnswer:
            failed = ClusterFailed("unreachable", f"{self.host} gave no answer within {TOTAL:.0f} seconds", REACH)
        except ClusterFailed as error:
            failed = error
        if failed.code in LOST:
            self._lost = failed
        raise failed from None

    def _asked(self, method: str, path: str, body: Object | None, accept: str) -> Object | None:
        if self._identity is None:
            self._identity = identity(self.kubeconfig)
        who = self._identity
        headers = {"Accept": accept, "Content-Type": JSON, **who.headers}
        try:
            answer = who.pool.request(
                method,
                self.kubeconfig.server.rstrip("/") + path,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT, read=READ),
                retries=False,
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise _no_answer(self.host, error) from None
        return _read(self.host, answer.status, answer.data, path)


REACH = "Start it, correct `server` of the kubeconfig, or let this machine reach it"
NEW_CREDENTIALS = "Make a new kubeconfig; where it is a secret of the stack, `pulumi config set --secret` it"


def _root(api_version: str) -> str:
    return f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"


def _remedy(api_version: str) -> str:
    return INSTALL if ".fluxcd.io/" in api_version else f"Install what serves {api_version}"


def _read(host: str, status: int, data: bytes, path: str) -> Object | None:
    try:
        content = json.loads(data) if data else {}
    except ValueError:
        content = {}
    content = content if isinstance(content, dict) else {}
    said = " ".join(str(content.get("message") or "").split())[:300]
    if status == HTTPStatus.UNAUTHORIZED:
        reason = f"{host} refuses the credentials of the kubeconfig: they have expired or were revoked"
        raise ClusterFailed("refused-credentials", reason, NEW_CREDENTIALS)
    if status == HTTPStatus.FORBIDDEN:
        raise ClusterFailed(
            "forbidden", f"{host} refuses: {said or path}", "Give this identity the right, or use another"
        )
    if status == HTTPStatus.NOT_FOUND:
        return None
    if status >= HTTPStatus.MULTIPLE_CHOICES or not content:
        reason = f"{host} answered {status} to {path}{f': {said}' if said else ''}"
        raise ClusterFailed("no-answer", reason, "Look whether `server` is a Kubernetes API server, and try again")
    return content


REASONS: tuple[tuple[str, str, str, str], ...] = (
    ("proxy: ", "unreachable", "the proxy does not lead to it", REACH),
    (
        "certificate has expired",
        "untrusted",
        "its TLS certificate, or the authority behind it, has expired",
        "Renew the API server's certificate",
    ),
    ("mismatch", "untrusted", "its TLS certificate is of another name", "Correct `server`, or set `tls-server-name`"),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "untrusted",
        "its TLS certificate is not signed by the authority of the kubeconfig",
        "Take `certificate-authority-data` of that very cluster",
    ),
    ("alert certificate expired", "refused-credentials", "the client certificate has expired", NEW_CREDENTIALS),
    ("TLSV1_ALERT_UNKNOWN_CA", "refused-credentials", "it does not trust the client certificate", NEW_CREDENTIALS),
    ("alert bad certificate", "refused-credentials", "it refuses the client certificate", NEW_CREDENTIALS),
    ("WRONG_VERSION_NUMBER", "untrusted", "it speaks no TLS there", "Correct `server` of the kubeconfig"),
    ("SSL", "untrusted", "the TLS handshake failed", "Correct `server` of the kubeconfig"),
    ("Name or service not known", "unreachable", "the host name does not resolve", REACH),
    ("No address associated", "unreachable", "the host name does not resolve", REACH),
    ("nodename nor servname", "unreachable", "the host name does not resolve", REACH),
    ("Temporary failure in name resolution", "unreachable", "the host name cannot be resolved now", REACH),
    ("refused", "unreachable", "the connection was refused", REACH),
    ("timed out", "unreachable", "it gives no answer", REACH),
    ("unreachable", "unreachable", "there is no route to it", REACH),
    ("reset", "unreachable", "it closed the connection without an answer", REACH),
)
"""Text in the library's error -> code, what a user reads, remedy; the first one counts."""


def _no_answer(host: str, error: Exception) -> ClusterFailed:
    cause = _cause(error)
    for mark, code, reason, remedy in REASONS:
        if mark.lower() in cause.lower():
            return ClusterFailed(code, f"{host} cannot be asked: {reason}", remedy)
    return ClusterFailed("unreachable", f"{host} cannot be asked: {type(error).__name__}", REACH)


def _cause(error: BaseException) -> str:
    """The words of the system: what is wrapped around them names the host, which may hold any word."""
    through = "proxy: " if isinstance(error, urllib3.exceptions.ProxyError) else ""
    while error.__cause__ is not None:
        error = error.__cause__
    return through + str(error)

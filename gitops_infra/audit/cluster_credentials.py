"""Who asks an API server: the headers and the TLS settings that a kubeconfig stands for."""

import ssl
import tempfile
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import urllib3

from gitops_infra.audit.cluster_failure import ClusterFailed
from gitops_infra.audit.github_client import is_loopback
from gitops_infra.audit.kubeconfigs import Kubeconfig

MEMORY = Path("/dev/shm")  # noqa: S108 - a file there is in memory only; its folder is the owner's alone
_LOADING = Lock()
"""The client's loader remembers its files by their content, for all threads."""


@dataclass(frozen=True)
class Identity:
    """How to ask."""

    pool: urllib3.PoolManager
    headers: Mapping[str, str] = field(repr=False)


def identity(kubeconfig: Kubeconfig) -> Identity:
    """Token, certificate or plugin of the kubeconfig, made ready. Raises ClusterFailed: `bad-credentials`."""
    # The official client: its loader knows every way in which a kubeconfig names credentials.
    from kubernetes.client.configuration import Configuration  # noqa: PLC0415 - takes a quarter of a second

    configuration = Configuration()
    with tempfile.TemporaryDirectory(prefix="gitops-infra-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        # OpenSSL takes keys from files alone. They are gone before the first question.
        _load(kubeconfig, configuration, folder)
        context = _context(kubeconfig, configuration)
    return Identity(
        _pool(kubeconfig.server, configuration, context), {"User-Agent": "gitops-infra", **_headers(configuration)}
    )


def _load(kubeconfig: Kubeconfig, configuration: Any, folder: str) -> None:
    from kubernetes.config import exec_provider, kube_config  # noqa: PLC0415 - as above

    library: Any = kube_config
    plugin: Any = exec_provider
    document = {**kubeconfig.document, "current-context": kubeconfig.context}
    node = library.ConfigNode("kubeconfig", document)
    chosen = node["contexts"].get_with_name(kubeconfig.context)["context"]
    user = node["users"].get_with_name(chosen["user"])["user"]
    try:
        if "exec" in user.value and not {"token", "tokenFile"} & user.value.keys():
            # Asked here: the loader writes a plugin's errors to the log and goes on without credentials.
            cluster = node["clusters"].get_with_name(chosen["cluster"])["cluster"]
            status = plugin.ExecProvider(user["exec"], None, cluster).run()
            document = _with_user(document, chosen["user"], _of_plugin(user.value, status))
        with _LOADING:
            library.KubeConfigLoader(document, config_base_path="", temp_file_path=folder).load_and_set(configuration)
    except Exception as error:  # noqa: BLE001 - it raises whatever it meets, with values of the kubeconfig in the text
        raise ClusterFailed(
            "bad-credentials",
            f"the credentials of context {kubeconfig.context!a} in {kubeconfig.source} cannot be used: {_why(error)}",
            "Try `kubectl get namespaces` with that kubeconfig",
        ) from None


def _why(error: Exception) -> str:
    text = str(error)
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"there is no {error.filename}"
    if text.startswith("File does not exist: "):
        return f"there is no {text.removeprefix('File does not exist: ')}"
    if text.startswith("exec: process returned"):
        return f"its plugin failed ({text.partition('.')[0]})"
    return f"{type(error).__name__}"


def _of_plugin(user: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, Any]:
    """The user with what a credential plugin answered, in the words of a kubeconfig."""
    rest = {key: value for key, value in user.items() if key != "exec"}
    if status.get("token"):
        rest["token"] = status["token"]
    for key, given in (("client-certificate-data", "clientCertificateData"), ("client-key-data", "clientKeyData")):
        if status.get(given):
            rest[key] = b64encode(str(status[given]).encode()).decode()
    return rest


def _with_user(document: Mapping[str, Any], name: str, user: Mapping[str, Any]) -> dict[str, Any]:
    users = [{"name": name, "user": user} if each.get("name") == name else each for each in document["users"]]
    return {**document, "users": users}


def _context(kubeconfig: Kubeconfig, configuration: Any) -> ssl.SSLContext | None:
    if not kubeconfig.server.startswith("https"):
        return None
    try:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
        if configuration.cert_file:
            context.load_cert_chain(configuration.cert_file, configuration.key_file)
    except (OSError, ssl.SSLError):
        raise ClusterFailed(
            "bad-credentials",
            f"a certificate or key of context {kubeconfig.context!a} in {kubeconfig.source} is none, or they do not "
            "belong together",
            "Make a new kubeconfig",
        ) from None
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return context


def _pool(server: str, configuration: Any, context: ssl.SSLContext | None) -> urllib3.PoolManager:
    from kubernetes.client.rest import should_bypass_proxies  # noqa: PLC0415 - as above

    settings: dict[str, Any] = {"maxsize": 8, "ssl_context": context}
    if configuration.tls_server_name:
        settings["server_hostname"] = configuration.tls_server_name
    # A proxy for the outside is no way to this machine.
    inside = is_loopback(urlsplit(server).hostname or "")
    if configuration.proxy and not inside and not should_bypass_proxies(server, configuration.no_proxy or ""):
        return urllib3.ProxyManager(configuration.proxy, **settings)
    return urllib3.PoolManager(**settings)


def _headers(configuration: Any) -> dict[str, str]:
    token = configuration.api_key.get("BearerToken")
    return {"Authorization": token} if token else {}

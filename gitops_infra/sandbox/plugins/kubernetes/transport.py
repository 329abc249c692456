"""Requests to an API server, with the credentials of a kubeconfig.

Over the official client's loader of credentials (tokens, certificates, exec plugins); its generated classes are left
out, for the objects here are of any kind, and discovering all kinds takes a dozen requests.
"""

import json
import ssl
import tempfile
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes.client.configuration import Configuration
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.kube_config import KubeConfigLoader

from gitops_infra.sandbox.plugins.kubernetes.failures import ApiError, UnansweredError
from gitops_infra.sandbox.plugins.kubernetes.kubeconfig import Kubeconfig, KubeconfigError

JSON = "application/json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"

CONNECT_SECONDS = 4.0
_READ_SECONDS = 30.0
_ERRORS = 400
_UNAUTHORIZED = 401


class Transport:
    """One API server, one identity."""

    def __init__(self, config: Kubeconfig, timeout: float = 0.0) -> None:
        """Raises KubeconfigError for credentials that cannot be used."""
        self._configuration = Configuration()
        try:
            # Certificates and keys reach OpenSSL only by files: they are gone before the first request.
            with tempfile.TemporaryDirectory(prefix="gitops-infra-") as folder:
                loader = KubeConfigLoader(config, temp_file_path=folder)  # type: ignore[no-untyped-call]
                loader.load_and_set(self._configuration)  # type: ignore[no-untyped-call]
                context = _context(self._configuration)
        except (ConfigException, OSError, ValueError) as error:
            raise KubeconfigError(f"its credentials cannot be used: {error}") from error
        self.host = self._configuration.host.rstrip("/")
        self._pool = urllib3.PoolManager(
            maxsize=32,
            ssl_context=context,
            server_hostname=getattr(self._configuration, "tls_server_name", None),
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=timeout or _READ_SECONDS),
            # Only what the server asks to repeat; a write whose answer was lost may have been done.
            retries=urllib3.Retry(
                connect=0,
                read=0,
                redirect=0,
                other=0,
                status=4,
                status_forcelist=[429],
                allowed_methods=None,
                raise_on_status=False,
                backoff_factor=0.2,
            ),
        )

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        content_type: str = JSON,
    ) -> dict[str, Any]:
        """The answer. Raises ApiError for a refusal, UnansweredError if there is none."""
        headers = {"Accept": JSON, "User-Agent": "gitops-infra-sandbox"}
        schemes: Mapping[str, Any] = self._configuration.auth_settings()
        for scheme in schemes.values():
            if scheme["in"] == "header" and scheme["value"]:
                headers[scheme["key"]] = scheme["value"]
        encoded = None
        if body is not None:
            headers["Content-Type"] = content_type
            encoded = json.dumps(body).encode()
        asked = {name: str(value) for name, value in (query or {}).items() if value not in (None, "", False)}
        url = f"{self.host}{path}" + (f"?{urlencode(asked)}" if asked else "")
        try:
            answer = self._pool.request(method, url, body=encoded, headers=headers)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnansweredError(f'{method.capitalize()} "{self.host}{path}": {_why(error)}') from error
        return _read(answer.status, answer.data)


def _context(configuration: Configuration) -> ssl.SSLContext | None:
    if not str(configuration.host).startswith("https"):
        return None
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return context


def _read(status: int, data: bytes) -> dict[str, Any]:
    try:
        content = json.loads(data) if data else {}
    except ValueError:
        content = {}
    content = content if isinstance(content, dict) else {}
    if status == _UNAUTHORIZED:
        # The server says only "Unauthorized"; these are the words of Kubernetes' own clients.
        raise ApiError(status, {"message": "the server has asked for the client to provide credentials"})
    if status >= _ERRORS:
        raise ApiError(status, content)
    return content


def _why(error: Exception) -> str:
    """The short cause: urllib3 wraps the reason of the system in three layers of its own."""
    reason = getattr(error, "reason", None)
    cause: BaseException = reason if isinstance(reason, BaseException) else error
    if isinstance(cause, urllib3.exceptions.NameResolutionError):
        return "no such host"
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, (TimeoutError, urllib3.exceptions.TimeoutError)):
        return "connection timed out"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return str(cause)

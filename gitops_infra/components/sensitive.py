"""Which properties of which resources hold a secret."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Sensitive:
    """One input property that holds a secret."""

    path: str
    """As the provider spells it; `configuration.secret` is a property within a property."""
    only_with: tuple[str, ...] = ()
    """Properties of the same resource of which one must be set, else the value is no secret. Empty: it always is."""
    or_file: bool = False
    """Whether it may be the path of a file instead, which is no secret."""


_PLAINTEXT = (Sensitive("plaintextValue"),)
_VALUE = (*_PLAINTEXT, Sensitive("value"))
_DATA = (Sensitive("data"), Sensitive("stringData"))
_OF_TLS = (Sensitive("privateKeyPem"), Sensitive("privateKeyPemWo"))
_OF_GITLAB = (Sensitive("value", only_with=("masked", "hidden", "maskedAndHidden")),)

SENSITIVE: Mapping[str, tuple[Sensitive, ...]] = {
    "pulumi:providers:github": (Sensitive("token"), Sensitive("appAuth.pemFile")),
    "pulumi:providers:gitlab": (Sensitive("token"),),
    "pulumi:providers:kubernetes": (Sensitive("kubeconfig", or_file=True),),
    "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret": _VALUE,
    "github:index/actionsOrganizationSecret:ActionsOrganizationSecret": _VALUE,
    "github:index/actionsSecret:ActionsSecret": _VALUE,
    "github:index/codespacesOrganizationSecret:CodespacesOrganizationSecret": _PLAINTEXT,
    "github:index/codespacesSecret:CodespacesSecret": _PLAINTEXT,
    "github:index/codespacesUserSecret:CodespacesUserSecret": _PLAINTEXT,
    "github:index/dependabotOrganizationSecret:DependabotOrganizationSecret": _VALUE,
    "github:index/dependabotSecret:DependabotSecret": _VALUE,
    "github:index/organizationWebhook:OrganizationWebhook": (Sensitive("configuration.secret"),),
    "github:index/repositoryWebhook:RepositoryWebhook": (Sensitive("configuration.secret"),),
    "gitlab:index/groupHook:GroupHook": (Sensitive("token"),),
    "gitlab:index/groupVariable:GroupVariable": _OF_GITLAB,
    "gitlab:index/instanceVariable:InstanceVariable": _OF_GITLAB,
    "gitlab:index/projectHook:ProjectHook": (Sensitive("token"),),
    "gitlab:index/projectVariable:ProjectVariable": _OF_GITLAB,
    "gitlab:index/systemHook:SystemHook": (Sensitive("token"),),
    "gitlab:index/user:User": (Sensitive("password"),),
    "kubernetes:core/v1:Secret": _DATA,
    "kubernetes:core/v1:SecretPatch": _DATA,
    "tls:index/certRequest:CertRequest": _OF_TLS,
    "tls:index/locallySignedCert:LocallySignedCert": (
        Sensitive("caPrivateKeyPem"),
        Sensitive("caPrivateKeyPemWo"),
    ),
    "tls:index/selfSignedCert:SelfSignedCert": _OF_TLS,
}
"""By type token. Of several the SDK marks the value itself; it says so for its own class only, and may stop to."""

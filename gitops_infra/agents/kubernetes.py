"""Objects of a cluster as resources of pulumi-kubernetes."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from gitops_infra.agents.kubeconfig import problem
from gitops_infra.agents.objects import Object
from gitops_infra.forges.errors import ConfigurationError

_CLASSES: Mapping[str, Any] = {
    "Namespace": kubernetes.core.v1.Namespace,
    "ServiceAccount": kubernetes.core.v1.ServiceAccount,
    "Secret": kubernetes.core.v1.Secret,
    "Role": kubernetes.rbac.v1.Role,
    "RoleBinding": kubernetes.rbac.v1.RoleBinding,
}
"""Kinds that Pulumi knows; every other one is a custom resource."""

_ARGUMENTS: Mapping[str, str] = {
    "automountServiceAccountToken": "automount_service_account_token",
    "roleRef": "role_ref",
    "stringData": "string_data",
}


def register(name: str, found: Object, options: pulumi.ResourceOptions) -> pulumi.CustomResource:
    """The object, registered under its kind. `options` names the provider of its cluster."""
    cls = _CLASSES.get(found["kind"])
    if cls is None:
        made: pulumi.CustomResource = kubernetes.apiextensions.CustomResource(
            name,
            api_version=found["apiVersion"],
            kind=found["kind"],
            metadata=found["metadata"],
            spec=found["spec"],
            opts=options,
        )
        return made
    rest = {_ARGUMENTS.get(key, key): value for key, value in found.items() if key not in {"apiVersion", "kind"}}
    known: pulumi.CustomResource = cls(name, **rest, opts=options)
    return known


def provider(
    name: str,
    *,
    kubeconfig: pulumi.Input[str] | None,
    context: str | None,
) -> kubernetes.Provider:
    """The provider of one cluster. Without a kubeconfig it is that of `kubectl`."""
    return kubernetes.Provider(
        name,
        # Secret from birth: the provider marks nothing of it.
        kubeconfig=None if kubeconfig is None else _checked(kubeconfig, context, name),
        context=context,
        # Else a rotation deletes the Secret before it makes the new one, and the agent is without a key meanwhile.
        enable_secret_mutable=True,
        # Without a parent: the engine makes every provider also under `--target`, and refuses one whose parent is not
        # among the targets.
        opts=pulumi.ResourceOptions(additional_secret_outputs=["kubeconfig"]),
    )


def _checked(kubeconfig: pulumi.Input[str], context: str | None, name: str) -> pulumi.Output[str]:
    """The kubeconfig, which a program may only know now. With an empty one `kubectl`'s would be used unasked."""
    secret: pulumi.Output[str] = pulumi.Output.secret(kubeconfig)

    def check(text: str) -> str:
        found = problem(text or "", context, f"kubeconfig of {name}", "Pass the content of a whole kubeconfig")
        if found is not None:
            raise ConfigurationError([found])
        return text

    return secret.apply(check)


KUBERNETES = "kubernetes:core/v1:Namespace"
"""A type of the provider's, to ask a resource for the provider that it was given."""


def given_provider(resource: pulumi.Resource) -> pulumi.ProviderResource | None:
    """The provider of a cluster that the caller's options hold, or a parent's."""
    return resource.get_provider(KUBERNETES)


def provider_in(opts: pulumi.ResourceOptions | None) -> pulumi.ProviderResource | None:
    """As `given_provider`, of options: where there is no resource yet."""
    if opts is None:
        return None
    given: Any = opts.providers or ()
    listed = given.values() if isinstance(given, Mapping) else given if isinstance(given, Sequence) else (given,)
    found = next((each for each in (opts.provider, *listed) if isinstance(each, kubernetes.Provider)), None)
    return given_provider(opts.parent) if found is None and opts.parent is not None else found

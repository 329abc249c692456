"""What tells an agent of a push to its branch."""

import pulumi
import pulumi_github as github

from gitops_infra.forges.github.placement import Placement


def webhook(
    place: Placement,
    name: str,
    repository: pulumi.Input[str],
    address: pulumi.Output[str],
    secret: pulumi.Output[str],
    *after: pulumi.Resource,
) -> github.RepositoryWebhook:
    """A webhook of the repository for pushes, signed with the secret.

    The provider marks neither address nor secret: both are marked here, for the address names the receiver.
    """
    options = pulumi.ResourceOptions.merge(
        place.options(*after), pulumi.ResourceOptions(additional_secret_outputs=["configuration"])
    )
    return github.RepositoryWebhook(
        place.child(name),
        repository=repository,
        active=True,
        events=["push"],
        configuration={"url": address, "content_type": "json", "insecure_ssl": False, "secret": secret},
        opts=options,
    )

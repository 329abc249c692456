"""`as_job`: what a job of an environment gets, and why one does not get in."""

import pytest

from gitops_infra.testing import as_job

from .conftest import Shop


def test_a_job_gets_token_variables_and_opened_secrets(shop: Shop) -> None:
    shop.send("POST", "acme/shop/environments/production/variables", name="LOG_LEVEL", value="warning")
    job = as_job(shop.forge, "acme/shop", "production")
    assert job.variables == {"LOG_LEVEL": "warning"}
    assert job.secrets["DEPLOY_KEY"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert job.ref == "refs/heads/main"
    assert "PRIVATE KEY" not in repr(job)


def test_it_is_started_by_who_may_and_approved_by_another(shop: Shop) -> None:
    job = as_job(shop.forge, "acme/shop", "production")
    deployment = shop.forge.store.deployments[job.deployment_id or 0]
    logins = [shop.forge.store.accounts[number or 0].login for number in (deployment.actor_id, deployment.approved_by)]
    assert logins == ["dana", "mara"]


def test_without_an_environment_it_has_none_of_its_secrets(shop: Shop) -> None:
    assert as_job(shop.forge, "acme/shop").secrets == {}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"ref": "feature"}, "refs/heads/feature does not exist in acme/shop"),
        ({"ref": "refs/tags/v1"}, "refs/tags/v1 does not exist in acme/shop"),
        ({"actor": "otto"}, "otto needs the role write in acme/shop"),
        ({"actor": "mara", "approver": "mara"}, "mara started this job and may not review it"),
        ({"approver": "olivia"}, "olivia is not a required reviewer of production"),
    ],
    ids=str,
)
def test_one_that_does_not_run_fails_with_the_forges_reason(shop: Shop, arguments: dict[str, str], reason: str) -> None:
    with pytest.raises(
        AssertionError, match=r"no workflow_dispatch job on .* gets into production of acme/shop: "
    ) as e:
        as_job(shop.forge, "acme/shop", "production", **arguments)  # type: ignore[arg-type]
    assert reason in str(e.value)


def test_a_wait_timer_is_told(shop: Shop) -> None:
    shop.environment("production", "main", wait_timer=30)
    with pytest.raises(AssertionError, match="it waits for its timer until"):
        as_job(shop.forge, "acme/shop", "production")


def test_an_environment_is_not_made_by_naming_it(shop: Shop) -> None:
    """At the forge itself it is, as at GitHub, and then nothing protects it."""
    with pytest.raises(AssertionError, match="acme/shop has no environment 'prod': it has production"):
        as_job(shop.forge, "acme/shop", "prod")

"""What BranchCredential registers, and that the private key is secret from birth."""

from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_github as github
import pytest

from gitops_infra import BranchCredential, BranchCredentialArgs, ConfigurationError

Record = Callable[..., Any]

ARGS = {"repository": "shop", "environment": "staging", "state_repository": "shop-env-staging"}
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nPRIVATE-KEY-CANARY\n-----END PRIVATE KEY-----\n"
GIVEN = {"repository": "shop", "environment": "staging", "private_key": PRIVATE_KEY}


def test_a_key_pair_then_the_write_key_then_the_secret(record: Callable[..., Any]) -> None:
    recorded = record(lambda: BranchCredential("staging", ARGS))

    assert recorded.names() == [
        ("ActionsEnvironmentSecret", "staging-secret"),
        ("BranchCredential", "staging"),
        ("PrivateKey", "staging-key-g1"),
        ("RepositoryDeployKey", "staging-deploy-key-g1"),
    ]
    assert recorded.before(recorded.one("RepositoryDeployKey")) == {"staging-key-g1"}
    assert recorded.before(recorded.one("ActionsEnvironmentSecret")) == {"staging-key-g1", "staging-deploy-key-g1"}
    assert recorded.one("PrivateKey").inputs == {"algorithm": "ED25519"}
    assert recorded.one("RepositoryDeployKey").inputs == {
        "repository": "shop-env-staging",
        "title": "gitops-infra shop staging g1",
        "key": "ssh-ed25519 AAAA",
        "readOnly": False,
    }


def test_the_private_key_is_secret_and_no_output(record: Callable[..., Any]) -> None:
    def program() -> None:
        made = BranchCredential("staging", ARGS)
        for name in ("fingerprint", "title", "secret_name", "generation"):
            pulumi.export(name, getattr(made, name))

    recorded = record(program)
    secret = recorded.one("ActionsEnvironmentSecret")
    assert secret.inputs["value"] == "PRIVATE-KEY-CANARY"
    assert "value" in secret.secrets
    assert set(recorded.one("PrivateKey").secret_outputs) >= {
        "privateKeyOpenssh",
        "privateKeyPem",
        "privateKeyPemPkcs8",
    }
    assert recorded.exports == {
        "fingerprint": "SHA256:fingerprint",
        "title": "gitops-infra shop staging g1",
        "secret_name": "GITOPS_DEPLOY_KEY",
        "generation": 1,
    }
    holders = [one.name for one in recorded.resources if "PRIVATE-KEY-CANARY" in str(one.inputs)]
    assert holders == ["staging-secret"]


def test_a_new_generation_is_a_new_key_beside_the_old_and_the_same_secret(record: Callable[..., Any]) -> None:
    """The engine makes new names first and deletes the old ones last; the secret is updated in between."""
    first = {one.urn for one in record(lambda: BranchCredential("staging", ARGS)).resources}
    second = {one.urn for one in record(lambda: BranchCredential("staging", {**ARGS, "generation": 2})).resources}
    assert sorted(urn.split("::")[-1] for urn in second - first) == ["staging-deploy-key-g2", "staging-key-g2"]
    assert sorted(urn.split("::")[-1] for urn in first - second) == ["staging-deploy-key-g1", "staging-key-g1"]


def test_destroy_revokes_it_even_in_a_retained_component(record: Callable[..., Any]) -> None:
    options = pulumi.ResourceOptions(retain_on_delete=True)
    recorded = record(lambda: BranchCredential("staging", ARGS, options))
    children = [one for one in recorded.resources if one.name != "staging"]
    assert {one.retain for one in children} == {False}
    assert {one.deleted_with for one in children} == {""}


def test_what_it_depends_on_exists_before_key_and_secret(record: Callable[..., Any]) -> None:
    """The engine orders a component by depends_on but not its children."""

    def program() -> None:
        rule = github.IssueLabel("rule", repository="shop", name="rule", color="000000")
        BranchCredential("staging", ARGS, pulumi.ResourceOptions(depends_on=rule))

    recorded = record(program)
    assert "rule" in recorded.before(recorded.one("RepositoryDeployKey"))
    assert "rule" in recorded.before(recorded.one("ActionsEnvironmentSecret"))


def test_a_given_key_is_the_secret_and_nothing_else_is_made(record: Record) -> None:
    def program() -> None:
        made = BranchCredential("staging", GIVEN)
        for name in ("fingerprint", "title", "secret_name", "generation"):
            pulumi.export(name, getattr(made, name))

    recorded = record(program)
    assert recorded.names() == [("ActionsEnvironmentSecret", "staging-given-secret"), ("BranchCredential", "staging")]
    secret = recorded.one("ActionsEnvironmentSecret")
    assert secret.inputs == {
        "repository": "shop",
        "environment": "staging",
        "secretName": "GITOPS_APP_KEY",
        "value": PRIVATE_KEY,
    }
    assert secret.secrets == {"value"}
    assert (secret.retain, secret.deleted_with) == (False, "")
    assert recorded.exports == {"fingerprint": None, "title": None, "secret_name": "GITOPS_APP_KEY", "generation": 1}


def test_a_given_key_is_in_no_text() -> None:
    """A plain string is what a program has that reads the key from a file: it is taken, marked, and not shown."""
    assert "CANARY" not in repr(BranchCredentialArgs.model_validate(GIVEN))


@pytest.mark.parametrize("text", ["KEY-CANARY", "", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----"])
def test_what_is_no_private_key_ends_the_program_without_showing_it(record: Record, text: str) -> None:
    """A path, or a key that a shell cut, would be found out by the first promotion only."""
    with pytest.raises(ConfigurationError) as refused:
        record(lambda: BranchCredential("staging", {**GIVEN, "private_key": text}))
    assert str(refused.value).splitlines()[1:] == [
        (
            "  - secret GITOPS_APP_KEY: its value is no private key in PEM or "
            "OpenSSH form. Store the whole file: `pulumi config set --secret <key> < private-key.pem`. [no-private-key]"
        )
    ]


def test_the_first_key_is_not_tried_and_a_later_one_is_before_the_secret_gets_it(record: Record) -> None:
    """The first one puts none out of use. The hook is the secret's: the deploy key is made once, the secret until it
    is written."""

    def hooks(**changed: Any) -> dict[str, Any]:
        found = record(lambda: BranchCredential("staging", {**ARGS, "ssh_url": "git@forge.invalid:a/b", **changed}))
        return {one.name: dict(one.hooks) for one in found.resources if one.hooks}

    assert hooks() == {}
    assert hooks(generation=2) == {"staging-secret": {"before_update": ("staging-key-g2-opens-the-repository",)}}
    assert hooks(generation=2, ssh_url=None) == {}


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"private_key": PRIVATE_KEY}, "new-or-given-key"),
        ({"state_repository": None}, "new-or-given-key"),
        ({"generation": 0}, "generation-below-one"),
        ({"generation": -1}, "generation-below-one"),
        ({"secret_name": "GITHUB_KEY"}, "secret-name"),
        ({"secret_name": "a b"}, "secret-name"),
    ],
)
def test_bad_input_registers_nothing(record: Callable[..., Any], changed: dict[str, Any], code: str) -> None:
    def program() -> None:
        with pytest.raises(ConfigurationError) as refused:
            BranchCredential("staging", {**ARGS, **changed})
        assert [problem.code for problem in refused.value.problems] == [code]

    assert record(program).resources == []

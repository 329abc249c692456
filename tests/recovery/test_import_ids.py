"""What becomes of a pending create: the id it is imported by, or why not. The forge's answers are given by a table."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from gitops_infra.audit.github_client import GitHubReader
from gitops_infra.recovery.fate import Decision, Fate
from gitops_infra.recovery.import_ids import LOOKUPS, REPEATABLE, decide, escaped
from gitops_infra.recovery.state import PendingCreate

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
KEY = "ssh-ed25519 AAAAC3Nza"
FORGE: Mapping[str, Any] = {
    "/repos/acme/shop": {"name": "shop"},
    "/repos/acme/shop/rulesets": [
        {"id": 1, "name": "writers", "source_type": "Organization"},
        {"id": 2, "name": "writers", "source_type": "Repository"},
        {"id": 3, "name": "integrity"},
    ],
    "/repos/acme/shop/keys": [
        {"id": 4, "title": "writer", "key": "ssh-ed25519 OTHER"},
        {"id": 5, "title": "renamed", "key": KEY},
    ],
    "/repos/acme/shop/environments/prod%3Aeu/deployment-branch-policies": {
        "branch_policies": [{"id": 6, "name": "main", "type": "tag"}, {"id": 7, "name": "main", "type": "branch"}]
    },
    "/repos/acme/shop/environments/prod%3Aeu/variables/WHERE": {"name": "WHERE"},
    "/repos/acme/shop/labels": [{"id": 8, "name": "Kind/App"}],
    "/repos/acme/shop/hooks": [
        {"id": 9, "config": {"url": "https://flux.example.com/hook/other"}},
        {"id": 10, "config": {"url": "https://flux.example.com/hook/ours"}},
    ],
    "/repos/acme/shop/contents/docs/a%3Ab.md": {"content": b64encode(b"text\n").decode()},
    "/repos/acme/shop/contents/other.md": {"content": b64encode(b"not ours").decode()},
}


def hook(**value: Any) -> PendingCreate:
    configuration = {"url": {**SECRET, **value}, "contentType": "json"}
    return create("RepositoryWebhook", repository="shop", configuration=configuration)


SHOWN = {"plaintext": '"https://flux.example.com/hook/ours"'}


def create(kind: str, **inputs: Any) -> PendingCreate:
    token = f"github:index/{kind[0].lower()}{kind[1:]}:{kind}"
    return PendingCreate(f"urn:pulumi:dev::shop::{token}::thing", token, inputs, None, None, owner="acme")


def decided(pending: PendingCreate, forge: Mapping[str, Any] = FORGE) -> Decision:
    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().partition("?")[0].removeprefix("/api/v3")
        if path == "/repos/acme/secret/keys":
            return httpx.Response(403, json={"message": "Resource not accessible by integration"})
        return httpx.Response(200, json=forge[path]) if path in forge else httpx.Response(404)

    with GitHubReader("token", "https://forge.example", transport=httpx.MockTransport(answer)) as reader:
        return decide(pending, reader)


@pytest.mark.parametrize(
    ("pending", "import_id"),
    [
        (create("Repository", name="shop"), "shop"),
        (create("RepositoryRuleset", repository="shop", name="writers"), "shop:2"),
        (create("RepositoryRuleset", repository="shop", name="integrity"), "shop:3"),
        (create("RepositoryDeployKey", repository="shop", title="writer", key=f"{KEY} comment\n"), "shop:5"),
        (
            create(
                "RepositoryEnvironmentDeploymentPolicy", repository="shop", environment="prod:eu", branchPattern="main"
            ),
            "shop:prod??eu:7",
        ),
        (
            create(
                "RepositoryEnvironmentDeploymentPolicy", repository="shop", environment="prod:eu", tagPattern="main"
            ),
            "shop:prod??eu:6",
        ),
        (
            create("ActionsEnvironmentVariable", repository="shop", environment="prod:eu", variableName="WHERE"),
            "shop:prod??eu:WHERE",
        ),
        (create("IssueLabel", repository="shop", name="kind/app"), "shop:Kind/App"),
        (create("RepositoryFile", repository="shop", file="docs/a:b.md", content="text\n"), "shop:docs/a??b.md:"),
        (
            create("RepositoryFile", repository="shop", file="docs/a:b.md", content="text\n", branch="main"),
            "shop:docs/a??b.md:main",
        ),
        (hook(**SHOWN), "shop/10"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_on_the_forge_is_imported_by_the_providers_id(pending: PendingCreate, import_id: str) -> None:
    decision = decided(pending)
    assert (decision.fate, decision.import_id) == (Fate.IMPORT, import_id)
    assert str(decision) == f"thing: is on the forge; imported as {import_id}"


@pytest.mark.parametrize(
    "pending",
    [
        create("Repository", name="shop"),
        create("RepositoryRuleset", repository="shop", name="writers"),
        create("RepositoryDeployKey", repository="shop", title="writer", key=KEY),
        create("RepositoryEnvironmentDeploymentPolicy", repository="shop", environment="e", branchPattern="main"),
        create("ActionsEnvironmentVariable", repository="shop", environment="e", variableName="WHERE"),
        create("IssueLabel", repository="shop", name="kind/app"),
        create("RepositoryFile", repository="shop", file="a.md", content=""),
        hook(**SHOWN),
    ],
    ids=lambda pending: pending.type.rpartition(":")[2],
)
def test_what_never_reached_the_forge_is_made_by_the_next_run(pending: PendingCreate) -> None:
    decision = decided(pending, forge={})
    assert decision.fate is Fate.ABSENT
    assert str(decision) == "thing: never reached the forge; made by the next `pulumi up`"


@pytest.mark.parametrize("kind", REPEATABLE)
def test_what_is_overwritten_anyway_needs_no_forge(kind: str) -> None:
    decision = decide(PendingCreate("urn:x::thing", kind, {}, None, None), None)
    assert decision.fate is Fate.REPEAT
    assert str(decision) == f"thing: made again by the next `pulumi up`; {REPEATABLE[kind]}"


@pytest.mark.parametrize("package", ["tls", "github", "kubernetes"])
def test_a_provider_is_in_the_state_alone(package: str) -> None:
    decision = decide(PendingCreate("urn:x::default_1_2_3", f"pulumi:providers:{package}", {}, None, None), None)
    assert (decision.fate, decision.why) == (
        Fate.REPEAT,
        "made again by the next `pulumi up`; a provider is in the state alone",
    )


@pytest.mark.parametrize(
    ("pending", "why"),
    [
        (
            PendingCreate("urn:x::thing", "aws:s3/bucket:Bucket", {}, None, None),
            "resources of type aws:s3/bucket:Bucket are not known here",
        ),
        (
            PendingCreate("urn:x::thing", "github:index/repository:Repository", {"name": "shop"}, None, None),
            "its provider names no owner in plain text",
        ),
        *(
            (
                pending,
                "its address is a secret that nobody shows. Delete the webhook: the next `pulumi up` makes it anew",
            )
            for pending in (
                hook(ciphertext="v1:x"),
                create("RepositoryWebhook", repository="shop", configuration={"url": "[secret]"}),
            )
        ),
        (create("Repository", name={"secret": True}), "its input 'name' was not known when the run ended"),
        (
            create("RepositoryFile", repository="shop", file="other.md", content="ours"),
            "acme/shop has a `other.md` with other content",
        ),
        (
            create("RepositoryDeployKey", repository="secret", key=KEY),
            "the forge answered 403 Resource not accessible by integration",
        ),
    ],
)
def test_what_cannot_be_judged_is_left_to_the_user(pending: PendingCreate, why: str) -> None:
    decision = decided(pending)
    assert (decision.fate, decision.why) == (Fate.UNKNOWN, why)


def test_every_type_has_one_fate() -> None:
    assert not LOOKUPS.keys() & REPEATABLE.keys()


def test_a_colon_in_a_part_of_an_id_is_escaped_as_the_provider_reads_it() -> None:
    assert escaped("a:b:c") == "a??b??c"

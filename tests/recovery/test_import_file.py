"""The document of `pulumi import --file`. That Pulumi takes it is proved in tests/engine/test_adopt.py."""

from gitops_infra.recovery.import_file import Entry, import_file, imported, pruned

STACK = "urn:pulumi:dev::shop::"
PROVIDER = f"{STACK}pulumi:providers:github::github"


def entry(kind: str, name: str, number: str | None, parent: str | None = None, *, default: bool = False) -> Entry:
    provider = None if number is None or default else PROVIDER
    return Entry(f"{STACK}{kind}::{name}", kind, number, parent, provider)


def test_what_is_in_the_state_is_named_in_the_table_and_what_is_imported_by_its_name() -> None:
    shop = entry("gitops-infra:index:GitOpsTopology", "shop", None)
    outside = f"{STACK}gitops-infra:index:Other::other"
    document = import_file(
        [shop, entry("a:index:A", "one", "1", shop.urn), entry("b:index:B", "two", "2", outside, default=True)]
    )
    assert document == {
        "nameTable": {"urn0": PROVIDER, "urn1": outside},
        "resources": [
            {"type": "gitops-infra:index:GitOpsTopology", "name": "shop", "component": True},
            {"type": "a:index:A", "name": "one", "id": "1", "parent": "shop", "provider": "urn0"},
            {"type": "b:index:B", "name": "two", "id": "2", "parent": "urn1"},
        ],
    }


def test_two_of_one_name_are_told_apart_in_the_file_only() -> None:
    document = import_file([entry("a:index:A", "same", "1"), entry("b:index:B", "same", "2")])
    assert [(one["name"], one["logicalName"]) for one in document["resources"]] == [("r0", "same"), ("r1", "same")]


PREVIEWED = {
    "nameTable": {"github": PROVIDER, "tls": "unused"},
    "resources": [
        {"type": "t:i:Topology", "name": "shop", "component": True},
        {"type": "t:i:Environment", "name": "shop-production", "parent": "shop", "component": True},
        {"type": "t:i:Environment", "name": "shop-staging", "parent": "shop", "component": True},
        {"type": "g:i:Repo", "name": "r", "id": "<PLACEHOLDER>", "parent": "shop-production", "provider": "github"},
        {"type": "g:i:Repo", "name": "new", "id": "<PLACEHOLDER>", "parent": "shop-staging", "provider": "github"},
        {"type": "t:i:Key", "name": "key", "id": "<PLACEHOLDER>", "parent": "shop-production", "provider": "tls"},
    ],
}


def test_of_a_previewed_program_only_what_is_kept_and_its_parents_are_imported() -> None:
    document = pruned(PREVIEWED, {("g:i:Repo", "r"): "shop-env-production", ("other", "new"): "7"})
    assert document == {
        "nameTable": {"github": PROVIDER},
        "resources": [
            {"type": "t:i:Topology", "name": "shop", "component": True},
            {"type": "t:i:Environment", "name": "shop-production", "parent": "shop", "component": True},
            {
                "type": "g:i:Repo",
                "name": "r",
                "id": "shop-env-production",
                "parent": "shop-production",
                "provider": "github",
            },
        ],
    }
    assert list(imported(document)) == ["r"]


def test_a_component_that_is_in_the_state_by_then_is_referred_to() -> None:
    topology = f"{STACK}t:i:Topology::shop"
    document = pruned(PREVIEWED, {("g:i:Repo", "r"): "shop-env-production"}, made=[topology, "urn::unused"])
    assert document["nameTable"] == {"github": PROVIDER, "shop": topology}
    assert [one["name"] for one in document["resources"]] == ["shop-production", "r"]


def test_a_program_that_makes_nothing_new_has_nothing_to_import() -> None:
    """Pulumi then writes no file."""
    assert pruned({}, {("g:i:Repo", "r"): "7"}) == {"nameTable": {}, "resources": []}

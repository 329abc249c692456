"""A secret that is not marked secret never reaches the engine, and the refusal does not tell it."""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_github as github
import pulumi_kubernetes as kubernetes
import pulumi_tls as tls
import pytest

from gitops_infra import ConfigurationError, refuse_plain_secrets
from gitops_infra.components.sensitive import SENSITIVE

SECRET = "SECRET-CANARY"
KUBECONFIG = "apiVersion: v1\nkind: Config\nusers: [{name: a, user: {token: SECRET-CANARY}}]\n"


def later(value: Any) -> "pulumi.Output[Any]":
    """An output of something that is made first; nobody marked it."""
    return tls.PrivateKey("first", algorithm="ED25519").id.apply(lambda _: value)


def webhook(secret: Any) -> Callable[[], None]:
    def program() -> None:
        refuse_plain_secrets()
        github.RepositoryWebhook(
            "hook",
            repository="shop",
            events=["push"],
            configuration={"url": "https://ci.example", "secret": secret() if callable(secret) else secret},
        )

    return program


def provider(**settings: Any) -> Callable[[], None]:
    def program() -> None:
        refuse_plain_secrets()
        github.Provider("github", owner="acme", **{name: each() for name, each in settings.items()})

    return program


def app(pem: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: github.ProviderAppAuthArgs(id="1", installation_id="2", pem_file=pem())


def cluster(kubeconfig: Any) -> Callable[[], None]:
    def program() -> None:
        refuse_plain_secrets()
        kubernetes.Provider("cluster", kubeconfig=kubeconfig() if callable(kubeconfig) else kubeconfig)

    return program


def any_resource(type_token: str, **properties: Any) -> Callable[[], None]:
    """As a program does whose SDK marks nothing."""

    def program() -> None:
        refuse_plain_secrets()
        given = {name: each() if callable(each) else each for name, each in properties.items()}
        pulumi.CustomResource(type_token, "one", given)

    return program


@pytest.mark.parametrize(
    ("program", "path"),
    [
        (webhook(SECRET), "configuration.secret"),
        (webhook(lambda: later(SECRET)), "configuration.secret"),
        (
            any_resource(
                "github:index/repositoryWebhook:RepositoryWebhook",
                configuration=github.RepositoryWebhookConfigurationArgs(url="https://ci.example", secret=SECRET),
            ),
            "configuration.secret",
        ),
        (cluster(KUBECONFIG), "kubeconfig"),
        (cluster(lambda: later(KUBECONFIG)), "kubeconfig"),
        (provider(app_auth=app(lambda: SECRET)), "appAuth.pemFile"),
        (any_resource("kubernetes:core/v1:Secret", stringData={"token": SECRET}), "stringData"),
        (any_resource("kubernetes:core/v1:Secret", string_data={"one": None, "two": SECRET}), "stringData"),
        (any_resource("gitlab:index/projectVariable:ProjectVariable", value=SECRET, masked=True), "value"),
    ],
)
@pytest.mark.parametrize("preview", [True, False])
def test_it_is_refused_before_its_resource_is_registered(
    record: Callable[..., Any], program: Callable[[], None], path: str, *, preview: bool
) -> None:
    registered: list[str] = []

    def recorded() -> None:
        pulumi.runtime.register_stack_transformation(lambda args: registered.append(args.type_))
        program()

    with pytest.raises(ConfigurationError) as refused:
        record(recorded, preview=preview)
    (problem,) = refused.value.problems
    assert problem.code == "secret-not-marked"
    assert f"`{path}`" in problem.reason
    assert SECRET not in str(refused.value)
    # Nothing of the kind was asked of the engine: only what had been made before.
    assert registered[-1] in problem.where


@pytest.mark.parametrize("type_token", sorted(SENSITIVE))
def test_every_row_of_the_table_refuses_a_plain_value_and_takes_a_marked_one(
    record: Callable[..., Any], type_token: str
) -> None:
    for one in SENSITIVE[type_token]:
        name, _, inner = one.path.partition(".")
        plain: Any = {inner: SECRET} if inner else KUBECONFIG if one.or_file else SECRET

        def marked(inner: str = inner, plain: Any = plain) -> Any:
            return {inner: pulumi.Output.secret(SECRET)} if inner else pulumi.Output.secret(plain)

        others = dict.fromkeys(one.only_with, True)
        with pytest.raises(ConfigurationError, match=f"`{one.path}`"):
            record(any_resource(type_token, **{name: plain}, **others))
        recorded = record(any_resource(type_token, **{name: marked}, **others))
        assert len(recorded.resources) == 1


@pytest.mark.parametrize(
    "program",
    [
        webhook(None),
        webhook(lambda: pulumi.Output.secret(SECRET)),
        webhook(lambda: pulumi.Output.secret(later(SECRET))),
        cluster("~/.kube/config"),
        cluster(""),
        provider(token=lambda: SECRET),
        provider(app_auth=app(lambda: pulumi.Output.secret(SECRET))),
        any_resource("gitlab:index/projectVariable:ProjectVariable", value="debug"),
        any_resource("kubernetes:core/v1:ConfigMap", data={"LEVEL": "debug"}),
        any_resource("kubernetes:core/v1:Secret", data={}),
    ],
)
def test_what_is_marked_or_no_secret_passes(record: Callable[..., Any], program: Callable[[], None]) -> None:
    assert record(program).resources


def test_a_marked_value_reaches_the_engine_as_it_was(record: Callable[..., Any]) -> None:
    """The guard only looks: value, mark and dependencies are those of the program without it."""
    recorded = record(webhook(lambda: pulumi.Output.secret(later(SECRET))))
    hook = recorded.one("RepositoryWebhook")
    assert recorded.before(hook) == {"first"}
    # The mark is on the one property: another value of the configuration is not hidden with it.
    assert hook.inputs["configuration"]["url"] == "https://ci.example"
    assert "configuration" not in hook.secrets


def test_an_output_that_a_preview_does_not_know_is_judged_when_it_is_known(record: Callable[..., Any]) -> None:
    def program() -> None:
        refuse_plain_secrets()
        first = tls.PrivateKey("first", algorithm="ED25519")
        unknown = pulumi.Output(first.id.resources(), first.id.future(), _no(), _no())
        kubernetes.Provider("cluster", kubeconfig=unknown)

    async def _no() -> bool:
        return False

    assert record(program, preview=True).one("kubernetes").name == "cluster"


def test_all_properties_of_a_resource_are_named_together(record: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        record(any_resource("kubernetes:core/v1:Secret", data={"a": SECRET}, stringData={"b": SECRET}))
    assert len(refused.value.problems) == 2


def test_without_the_call_nothing_is_refused(record: Callable[..., Any]) -> None:
    """Else the tests above would not show that the call is what refuses."""

    def program() -> None:
        pulumi.CustomResource("kubernetes:core/v1:Secret", "one", {"data": {"a": SECRET}})

    assert record(program).resources


@pytest.mark.parametrize("type_token", [each for each in sorted(SENSITIVE) if "gitlab" not in each])
def test_the_table_names_properties_that_the_sdk_has(type_token: str) -> None:
    """A property that was renamed would be guarded no more. GitLab's SDK is not installed here."""
    parameters = _class(type_token)._internal_init.__code__.co_varnames
    named = {re.sub(r"_(\w)", lambda match: match[1].upper(), each) for each in parameters}
    assert named >= {one.path.partition(".")[0] for one in SENSITIVE[type_token]}


@pytest.mark.parametrize("package", [github, kubernetes, tls], ids=lambda package: package.__name__)
def test_what_an_sdk_marks_by_itself_is_in_the_table(package: Any) -> None:
    """Its authors know it for a secret. What is sealed for the forge already is none."""
    marked = re.compile(r'\["(\w+)"\] = None if \w+ is None else pulumi\.Output\.secret\(')
    token = re.compile(r"super\(\w+, __self__\)\.__init__\(\s*'([^']+)'")
    sealed = {"encrypted_value", "value_encrypted"}
    known = {kind: {one.path.partition(".")[0].casefold() for one in rows} for kind, rows in SENSITIVE.items()}
    for source in Path(package.__file__).parent.rglob("*.py"):
        text = source.read_text(encoding="utf-8")
        names = {name.replace("_", "").casefold() for name in set(marked.findall(text)) - sealed}
        if names:
            kind = token.search(text)[1]  # type: ignore[index]
            kind = f"pulumi:providers:{kind}" if ":" not in kind else kind
            assert names <= known.get(kind, set()), kind


def _class(type_token: str) -> Any:
    if type_token.startswith("pulumi:providers:"):
        return importlib.import_module(f"pulumi_{type_token.rpartition(':')[2]}").Provider
    package, module, name = type_token.split(":")
    place = "" if module.startswith("index") else f".{module.replace('/', '.')}"
    return getattr(importlib.import_module(f"pulumi_{package}{place}"), name)

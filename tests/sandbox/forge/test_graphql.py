"""GraphQL: documents are read as the specification says, checked before anything is done, and answered in part."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest

from gitops_infra.sandbox.forge.graphql.endpoint import SCHEMA
from gitops_infra.sandbox.forge.graphql.language import DEEPEST, SyntaxProblem, Variable, parse
from gitops_infra.sandbox.forge.server import Sandbox

Client = Callable[..., httpx.Client]
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(forge: Sandbox, client: Client) -> Ask:
    """What the forge answers to a document of dana's (or of `login`)."""

    def send(
        query: str, variables: Mapping[str, Any] | None = None, login: str = "dana", **more: str
    ) -> dict[str, Any]:
        body = {"query": query, "variables": variables, **more}
        answer = client(login).post(f"{forge.url}/api/graphql", json=body)
        assert answer.status_code == 200
        return answer.json()

    return send


def test_every_part_of_a_document_is_read() -> None:
    document = parse(
        """
        # a comment
        query Named($a: [Int!]! = [1, -2], $b: T = {x: 1.5, y: "a\\"b"}) @live {
          short: field(one: $a, two: ENUM, three: null, four: true) @include(if: $b) { ...part ... on Other { x } }
        }
        fragment part on Some { y }
        """
    )
    [operation] = document.operations
    assert (operation.kind, operation.name) == ("query", "Named")
    assert operation.defaults == {"a": [1, -2], "b": {"x": 1.5, "y": 'a"b'}}
    [field] = operation.selections
    assert (field.key, field.name) == ("short", "field")
    assert field.arguments == {"one": Variable("a"), "two": "ENUM", "three": None, "four": True}
    assert field.directives == {"include": {"if": Variable("b")}}
    assert [(one.kind, one.name, one.on) for one in field.selections] == [
        ("spread", "part", ""),
        ("inline", "", "Other"),
    ]
    assert document.fragments["part"].on == "Some"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{ a ", "Parse error on 'end of file' at [1]"),
        ("{\n a(b: }", "Parse error on '}' at [2]"),
        ("{ ? }", "Parse error on '?' at [1]"),
        ("subscription { a }", "Parse error on 'subscription': only queries and mutations are read"),
        ("{a" * (DEEPEST + 1), f"the document is nested deeper than {DEEPEST} selections"),
    ],
)
def test_what_cannot_be_read_says_where(text: str, message: str) -> None:
    with pytest.raises(SyntaxProblem) as raised:
        parse(text)
    assert str(raised.value) == message


def test_aliases_fragments_variables_and_types_come_together(ask: Ask) -> None:
    query = """
        fragment names on Repository { name nameWithOwner }
        query Q($owner: String!, $name: String = "shop", $deep: Boolean!) {
          mine: repository(owner: $owner, name: $name) {
            ...names
            owner { __typename login ... on Organization { id } ... on User { databaseId } }
            defaultBranchRef @include(if: $deep) { name }
            skipped: name @skip(if: $deep)
          }
        }
    """
    found = ask(query, {"owner": "acme", "deep": True})["data"]["mine"]
    assert found.pop("owner").keys() == {"__typename", "login", "id"}
    assert found == {"name": "shop", "nameWithOwner": "acme/shop", "defaultBranchRef": {"name": "main"}}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("query A { viewer { salary } }", "no such field: Field 'salary' doesn't exist on type 'User' (query A)"),
        (
            "mutation B { addStar(input: {}) { id } }",
            "no such field: Field 'addStar' doesn't exist on type 'Mutation' (mutation B)",
        ),
        ("{ viewer(first: 1) { login } }", "no argument 'first' of field 'viewer' on type 'Query' (query unnamed)"),
        ("{ viewer { ...nowhere } }", "no fragment 'nowhere' that ends (query unnamed)"),
        ("{ viewer { ...a } } fragment a on User { ...a }", "no fragment 'a' that ends (query unnamed)"),
        ("{ viewer { ... on Gist { id } } }", "no type 'Gist' (query unnamed)"),
        ("{ viewer @defer { id } }", "no directive '@defer' (query unnamed)"),
    ],
)
def test_what_is_not_there_is_refused_by_name(ask: Ask, query: str, message: str) -> None:
    assert ask(query) == {"errors": [{"message": f"stand-in has {message}"}]}


def test_nothing_is_done_when_a_part_is_refused(ask: Ask, forge: Sandbox) -> None:
    number = forge.repository("acme/shop").id
    given = f'input: {{repositoryId: "R_{number}", headRefName: "x", baseRefName: "main", title: "t"}}'
    answer = ask(f"mutation {{ createPullRequest({given}) {{ pullRequest {{ number nonsense }} }} }}")
    assert "nonsense" in answer["errors"][0]["message"]
    assert not forge.store.pull_requests


def test_a_part_that_cannot_be_had_is_null_beside_its_error(ask: Ask) -> None:
    answer = ask('{ viewer { login } repository(owner: "acme", name: "none") { name } }')
    assert answer["data"] == {"viewer": {"login": "dana"}, "repository": None}
    message = "Could not resolve to a Repository with the name 'acme/none'."
    assert answer["errors"] == [{"type": "NOT_FOUND", "path": ["repository"], "message": message}]


def test_what_is_invisible_does_not_exist(ask: Ask) -> None:
    answer = ask('{ repository(owner: "acme", name: "shop") { name } }', login="otto")
    assert answer["errors"][0]["type"] == "NOT_FOUND"


def test_an_unknown_input_of_a_mutation_is_refused_by_name(ask: Ask, forge: Sandbox) -> None:
    number = forge.repository("acme/shop").id
    given = (
        f'input: {{repositoryId: "R_{number}", headRefName: "x", baseRefName: "main", title: "t", milestoneId: "M"}}'
    )
    answer = ask(f"mutation {{ createPullRequest({given}) {{ pullRequest {{ number }} }} }}")
    assert answer["errors"][0]["message"] == "stand-in has no 'milestoneId' in the input of createPullRequest"


def test_lists_go_on_where_a_cursor_says(ask: Ask, client: Client) -> None:
    for name in "abc":
        client("dana").post("/repos/acme/shop/labels", json={"name": name})
    query = """query($after: String) { repository(owner: "acme", name: "shop") {
        labels(first: 2, after: $after) { nodes { name } totalCount pageInfo { hasNextPage endCursor } } } }"""
    first = ask(query)["data"]["repository"]["labels"]
    assert ([one["name"] for one in first["nodes"]], first["totalCount"]) == (["a", "b"], 3)
    second = ask(query, {"after": first["pageInfo"]["endCursor"]})["data"]["repository"]["labels"]
    assert ([one["name"] for one in second["nodes"]], second["pageInfo"]["hasNextPage"]) == (["c"], False)
    assert "does not appear to be a valid cursor" in ask(query, {"after": "x"})["errors"][0]["message"]


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("labels { nodes { name } }", "You must provide a `first` or `last` value"),
        ("labels(first: 101) { totalCount }", "`first` and `last` must be from 1 to 100"),
        ("labels(first: 0) { totalCount }", "`first` and `last` must be from 1 to 100"),
    ],
)
def test_a_list_is_never_unbounded(ask: Ask, part: str, message: str) -> None:
    answer = ask(f'{{ repository(owner: "acme", name: "shop") {{ {part} }} }}')
    assert answer["errors"][0]["message"].startswith(message)


def test_types_describe_themselves_truthfully(ask: Ask) -> None:
    """Clients ask before they use newer fields."""
    answer = ask('{ known: __type(name: "Repository") { fields { name } } unknown: __type(name: "Gist") { name } }')
    names = {one["name"] for one in answer["data"]["known"]["fields"]}
    assert names == set(SCHEMA.types["Repository"])
    assert answer["data"]["unknown"] is None


def test_one_of_several_operations_is_chosen_by_name(ask: Ask) -> None:
    query = "query A { viewer { login } } query B { viewer { id } }"
    assert ask(query, operationName="A")["data"] == {"viewer": {"login": "dana"}}
    assert ask(query)["errors"] == [{"message": "An operation name is required"}]
    assert ask(query, operationName="C")["errors"] == [{"message": "No operation named 'C'"}]


def test_nobody_is_answered_without_a_credential(forge: Sandbox, client: Client) -> None:
    answer = client().post(f"{forge.url}/api/graphql", json={"query": "{ viewer { login } }"})
    assert (answer.status_code, answer.json()["message"]) == (401, "This endpoint requires you to be authenticated.")


def test_every_field_leads_to_a_type_that_is_there() -> None:
    known = {*SCHEMA.types, *SCHEMA.abstract}
    leads = {field.of for fields in SCHEMA.types.values() for field in fields.values() if field.of}
    assert leads <= known
    assert {one for several in SCHEMA.abstract.values() for one in several} <= set(SCHEMA.types)

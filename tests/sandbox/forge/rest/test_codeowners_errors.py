"""What the forge says about a CODEOWNERS file that nobody can satisfy."""

import base64
from collections.abc import Callable

import httpx
import pytest

from gitops_infra.sandbox.forge.model import Role
from gitops_infra.sandbox.forge.server import Sandbox

Client = Callable[..., httpx.Client]
PATH = "/repos/acme/shop/codeowners/errors"


@pytest.fixture
def written(client: Client) -> Callable[..., httpx.Response]:
    """Commits a CODEOWNERS file to main (or `branch`) and asks for its errors."""

    def write(text: str, path: str = ".github/CODEOWNERS") -> httpx.Response:
        adam = client("adam")
        body = {"message": "owners", "content": base64.b64encode(text.encode()).decode()}
        assert adam.put(f"/repos/acme/shop/contents/{path}", json=body).status_code == 201
        return adam.get(PATH)

    return write


def test_owners_with_write_access_are_no_error(forge: Sandbox, written: Callable[..., httpx.Response]) -> None:
    forge.add_team("acme", "core", ["dana"])
    forge.grant("acme/shop", "acme/core", Role.WRITE)
    answer = written("# all\n\n*  @dana @acme/core docs@example.com  # and comments\n/free/\n")
    assert (answer.status_code, answer.json()) == (200, {"errors": []})


def test_an_unknown_user_is_named_as_github_names_it(written: Callable[..., httpx.Response]) -> None:
    suggestion = "make sure @ghost exists and has write access to the repository"
    assert written("# all\n* @dana @ghost\n").json()["errors"] == [
        {
            "line": 2,
            "column": 9,
            "kind": "Unknown owner",
            "source": "* @dana @ghost",
            "suggestion": suggestion,
            "message": f"Unknown owner on line 2: {suggestion}\n\n  * @dana @ghost\n          ^",
            "path": ".github/CODEOWNERS",
        }
    ]


@pytest.mark.parametrize("login", ["reed", "otto"])
def test_a_user_who_may_only_read_or_not_even_that_is_unknown(
    written: Callable[..., httpx.Response], login: str
) -> None:
    [error] = written(f"* @{login}\n").json()["errors"]
    assert (error["kind"], error["suggestion"]) == (
        "Unknown owner",
        f"make sure @{login} exists and has write access to the repository",
    )


@pytest.mark.parametrize(
    ("role", "privacy", "errors"),
    [(None, "closed", 1), (Role.READ, "closed", 1), (Role.WRITE, "secret", 1), (Role.WRITE, "closed", 0)],
)
def test_a_team_needs_write_access_of_its_own_and_must_be_visible(
    forge: Sandbox, written: Callable[..., httpx.Response], role: Role | None, privacy: str, errors: int
) -> None:
    team = forge.add_team("acme", "core", ["dana"])
    team.privacy = privacy
    forge.store.save(team)
    if role:
        forge.grant("acme/shop", "acme/core", role)
    found = written("* @acme/core\n").json()["errors"]
    words = "make sure the team @acme/core exists, is publicly visible, and has write access to the repository"
    assert [error["suggestion"] for error in found] == [words] * errors


@pytest.mark.parametrize(
    ("line", "kind", "column"),
    [
        ("***/*.rb @dana", "Invalid pattern", 1),
        ("!src @dana", "Invalid pattern", 1),
        ("[a]b @dana", "Invalid pattern", 1),
        ("*.txt docs@", "Invalid owner", 7),
        ("*.txt  dana", "Invalid owner", 8),
    ],
)
def test_a_line_that_cannot_be_read_is_an_error_at_its_column(
    written: Callable[..., httpx.Response], line: str, kind: str, column: int
) -> None:
    [error] = written(f"{line}\n").json()["errors"]
    assert (error["kind"], error["column"], error["suggestion"]) == (kind, column, None)
    assert error["message"] == f"{kind} on line 1:\n\n  {line}\n  {' ' * (column - 1)}^"


def test_a_branch_can_be_asked_about_and_no_file_is_no_page(
    client: Client, written: Callable[..., httpx.Response]
) -> None:
    adam = client("adam")
    assert adam.get(PATH).status_code == 404
    tip = adam.get("/repos/acme/shop/git/ref/heads/main").json()["object"]["sha"]
    adam.post("/repos/acme/shop/git/refs", json={"ref": "refs/heads/before", "sha": tip})
    written("* @ghost\n", "docs/CODEOWNERS")
    assert adam.get(f"{PATH}?ref=before").status_code == 404
    assert adam.get(f"{PATH}?ref=main").json()["errors"][0]["path"] == "docs/CODEOWNERS"
    assert client("otto").get(PATH).status_code == 404

"""The Mermaid flowchart of a plan."""

import re
from collections.abc import Callable

import pytest

from gitops_infra.plan.build import plans
from gitops_infra.plan.graph import mermaid
from gitops_infra.topology.topology import Topology

Build = Callable[..., Topology]

NODE = re.compile(r"^ *(n\d+)[\[({]")
EDGE = re.compile(r"^ *(n\d+) (?:-\. secret \.->|== moves ==>|-->\|\"[^\"]*\"\|) (n\d+)$")


def drawn(topology: Topology, only: str | None = None) -> list[str]:
    return mermaid(plans(topology), only).splitlines()


def test_a_topology_is_a_flowchart_of_repositories_branches_and_credentials(topology: Build) -> None:
    small = topology()
    small = small.model_copy(update={"environments": small.environments[:2]})
    assert mermaid(plans(small)) == (
        """\
flowchart LR
  subgraph n1["acme/shop"]
    n0["main"]:::branch
    n2{{"environment staging"}}:::environment
    n3{{"environment production"}}:::environment
  end
  subgraph n4["acme/shop-env-staging"]
    n5["env/staging"]:::branch
  end
  subgraph n6["acme/shop-env-production"]
    n7["env/production"]:::branch
  end
  n8(["deploy key<br/>GITOPS_DEPLOY_KEY"]):::credential
  n2 -. secret .-> n8
  n8 == moves ==> n5
  n9(["deploy key<br/>GITOPS_DEPLOY_KEY"]):::credential
  n3 -. secret .-> n9
  n9 == moves ==> n7
  n0 -->|"every change"| n5
  n5 -->|"started by hand"| n7
  classDef branch fill:#eef6ff,stroke:#1f6feb,color:#0b1f33
  classDef environment fill:#fff8e6,stroke:#9a6700,color:#332200
  classDef credential fill:#eefbf0,stroke:#1a7f37,color:#0a2912
""".replace('"environment production"', '"environment production<br/>approved by platform"')
    )


@pytest.mark.parametrize("only", [None, "production", "review"])
def test_every_edge_joins_things_that_are_drawn(topology: Build, only: str | None) -> None:
    web = {"name": "web", "existing": True, "visibility": "public"}
    lines = drawn(topology(repositories=[web], github_plan="enterprise"), only)
    nodes = [match[1] for line in lines if (match := NODE.match(line))]
    ends = {end for line in lines if (match := EDGE.match(line)) for end in match.groups()}
    assert ends <= set(nodes)
    assert len(nodes) == len(set(nodes))


def test_a_branch_in_the_applications_repository_is_drawn_inside_of_it(topology: Build) -> None:
    lines = drawn(topology(staging={"isolation": "branch", "writer": {"app": 7, "key": "k"}}))
    start, end = lines.index('  subgraph n1["acme/shop"]'), lines.index("  end")
    assert any('["env/staging"]' in line for line in lines[start:end])
    assert any("GitHub App 7<br/>GITOPS_APP_KEY" in line for line in lines)


def test_a_retired_environment_says_so_and_nothing_moves_it(topology: Build) -> None:
    lines = drawn(topology(staging={"retired": True}), "staging")
    assert any("environment staging<br/>retired" in line for line in lines)
    assert not any("moves" in line for line in lines)


def test_names_are_texts_and_never_syntax(topology: Build) -> None:
    tags = [
        {"target": "staging"},
        {"target": "production", "source": "staging", "trigger": "on_release", "tags": '"#v<*'},
    ]
    assert any('-->|"release #quot;#35;v#lt;*"|' in line for line in drawn(topology(promotions=tags)))


def test_an_unknown_environment_is_an_error(topology: Build) -> None:
    with pytest.raises(KeyError):
        drawn(topology(), "prod")

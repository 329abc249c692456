"""Reads a topology from a YAML file, or from what a Pulumi stack has read of one."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

from gitops_infra.topology.extends import EXTENDS, encrypted, extended, extended_file, project_folder
from gitops_infra.topology.merge import Part, plain, said_at
from gitops_infra.topology.problems import ROOT, Problem, TopologyError
from gitops_infra.topology.topology import Topology
from gitops_infra.topology.validate import validate

__all__ = ["encrypted", "load", "load_value", "project_folder"]


def load(file: Path, *, tolerate: Collection[str] = ()) -> Topology:
    """The topology in a YAML file (YAML 1.2, UTF-8, at most 1 MiB), laid over those that it `extends`.

    The file is a topology, or a stack file (`Pulumi.<stack>.yaml`) whose `config` has one `<namespace>:topology`.
    `tolerate` is as for `validate`. Raises TopologyError with every problem; `where` is `file:line path` as far as the
    place is in a file.
    """
    return _validated(extended_file(file), tolerate)


def load_value(data: object, folder: Path) -> Topology:
    """The topology in a value that is read already, such as a stack's configuration, laid over those it `extends`.

    `folder` is the project's. Raises TopologyError; `where` has file and line as far as a base file says what is wrong.
    """
    if isinstance(data, Mapping) and data.get(EXTENDS) is not None:
        return _validated(extended(data, folder), ())
    return validate(data)


def _validated(whole: Part, tolerate: Collection[str]) -> Topology:
    try:
        return validate(plain(whole), tolerate=tolerate)
    except TopologyError as error:
        said = said_at(whole)
        problems = [_placed(problem, said) for problem in error.problems]
    raise TopologyError(problems)


def _placed(problem: Problem, said: Mapping[str, str]) -> Problem:
    """The problem with file and line: of its place, or of the nearest place around it."""
    place = "" if problem.where == ROOT else problem.where
    while place and place not in said:
        place = place[: max(place.rfind("."), place.rfind("["), 0)]
    return replace(problem, where=f"{said.get(place, '')} {problem.where}".strip())

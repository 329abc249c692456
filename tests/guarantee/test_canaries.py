"""Every secret of a whole life of a stack is where it belongs and nowhere else; a leaky build is caught everywhere."""

from pathlib import Path
from typing import Any

import pytest

from gitops_infra.sandbox.cluster.clusters import Clusters
from gitops_infra.sandbox.engine import Engine
from guarantee.canaries import leaks, runs
from guarantee.canaries.classes import CLASSES, Place, table
from guarantee.canaries.learn import canary
from guarantee.canaries.setting import CLUSTER
from guarantee.canaries.surfaces import Surface
from guarantee.canaries.wire import split_log

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]


@pytest.mark.kill
def test_through_a_whole_life_no_secret_is_where_it_must_not_be(engine: Engine, tmp_path: Path) -> None:
    """S1-S13: preview, create, update, rotation, failure, kill and resume, refresh, our commands, destroy."""
    with Clusters([CLUSTER]) as cluster:
        life = runs.run(tmp_path, engine, cluster)
    assert list(map(str, life.hits)) == []
    assert life.classes == len(CLASSES)
    assert life.secrets >= 30
    assert set(life.scanned) == set(Surface)
    assert all(life.scanned.values())
    # Else the table would allow more than it needs. A scratch file may be gone before anybody looks.
    allowed = {(each.name, place) for each in CLASSES for place in each.places - {Place.SCRATCH}}
    assert allowed - life.seen == set()


def test_a_leaky_build_is_caught_on_every_surface(engine: Engine, tmp_path: Path) -> None:
    """The positive control: what is planted on a surface is found there. A hit tells where, and never what."""
    with Clusters([CLUSTER]) as cluster:
        caught = leaks.run(tmp_path, engine, cluster)
    assert [surface for surface in Surface if not caught[surface]] == []
    text = "\n".join(str(hit) for hits in caught.values() for hit in hits)
    assert (
        "output of preview, up, refresh and destroy: up --yes --skip-preview (leaky): TERMINAL (planted), raw" in text
    )


def test_a_home_in_a_place_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="passphrase may not be in the stack's state, encrypted"):
        canary("passphrase", "passphrase", ["x" * 24], {Place.STATE: ["state"]})


def test_only_pulumi_s_own_recording_of_the_wire_is_left_out_of_its_log() -> None:
    """It does so at `-v=9` alone, and a line that says anything else is judged."""
    recorded = b'{"time":"t","level":"INFO","msg":"Marshaling property for RPC[x]: value={secret}","v":9}\n'
    others = (
        recorded.replace(b'"v":9', b'"v":8'),
        recorded.replace(b"Marshaling", b"Sending"),
        b'{"time":"t","level":"DEBUG","msg":"registered","v":9}\n',
    )
    log, shown = split_log(b"".join([b"@ updating....", recorded, *others, b"done\n"]))
    assert log == b"".join(others)
    assert shown == b"@ updating....done\n"


def test_the_table_has_a_row_for_each_class() -> None:
    rows: list[Any] = table().splitlines()[2:]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == [each.name for each in CLASSES]

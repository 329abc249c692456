import json
import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_infra.apps.case import default_key
from gitops_infra.apps.manifest import WantedApp, manifest, registration_url, settings_url
from gitops_infra.apps.page import form

STAGING = WantedApp("acme", "staging", "env/staging", ("shop",))
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,38}[a-z0-9]", fullmatch=True)


def test_the_manifest_asks_for_what_moving_a_branch_takes_and_for_nothing_else() -> None:
    assert manifest(STAGING, "https://github.com", "http://127.0.0.1:1/made") == {
        "name": "shop-staging-gitops",
        "url": "https://github.com/acme/shop",
        "description": "Moves env/staging of acme/shop, and nothing else.",
        "redirect_url": "http://127.0.0.1:1/made",
        "public": False,
        "default_permissions": {"contents": "write", "workflows": "write", "metadata": "read"},
        "default_events": [],
    }


@given(NAMES, NAMES)
def test_every_name_is_short_enough_for_github(application: str, environment: str) -> None:
    name = WantedApp("acme", environment, "b", (application,)).name
    assert len(name) <= 34
    assert name.endswith("-gitops")


def test_long_names_that_begin_alike_stay_apart() -> None:
    names = {
        WantedApp("acme", name, "b", ("a-very-long-application",)).name for name in ("production-eu", "production-us")
    }
    assert len(names) == 2


def test_the_addresses_are_those_of_the_organisation() -> None:
    server = "https://github.example"
    assert registration_url("acme", server, "a b") == (
        "https://github.example/organizations/acme/settings/apps/new?state=a+b"
    )
    assert settings_url("acme", server, "mover") == "https://github.example/organizations/acme/settings/apps/mover"


def test_the_page_posts_exactly_the_manifest_and_escapes_everything() -> None:
    hostile = {**manifest(STAGING, "https://github.com", "http://127.0.0.1:1/made"), "name": '"><script>'}
    page = form(hostile, "https://github.com/new?state=s&x=1", "<acme>")
    assert "<script" not in page
    assert "<acme>" not in page
    [value] = re.findall('name="manifest" value="([^"]*)"', page)
    assert json.loads(unescape(value)) == hostile
    assert '<form method="post" action="https://github.com/new?state=s&amp;x=1">' in page


@pytest.mark.parametrize(
    ("environment", "key"), [("staging", "stagingAppKey"), ("prod-eu", "prodEuAppKey"), ("a-1-b", "a1BAppKey")]
)
def test_a_key_is_called_after_its_environment(environment: str, key: str) -> None:
    assert default_key(environment) == key

"""The same forge over TLS, for clients that insist on it."""

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from gitops_infra.sandbox.client import Clone, TokenCredential
from gitops_infra.sandbox.forge.server import Sandbox


@pytest.fixture
def forge(tmp_path: Path, seed: Callable[[Sandbox], Sandbox]) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "forge", tls=True) as running:
        yield seed(running)


def test_one_who_trusts_its_authority_is_served_and_stays_with_tls(forge: Sandbox) -> None:
    trusting = ssl.create_default_context(cafile=forge.ca_file)
    for host in ("127.0.0.1", "localhost"):
        base = forge.tls_url.replace("127.0.0.1", host)
        headers = {"Authorization": f"Bearer {forge.token('dana')}"}
        with httpx.Client(base_url=base, verify=trusting, headers=headers, trust_env=False) as client:
            found = client.get("/api/v3/repos/acme/shop").json()
            assert found["clone_url"] == f"{forge.tls_url}/acme/shop.git"
            for name in "xyz":
                client.post("/api/v3/repos/acme/shop/labels", json={"name": name + host})
            pages = client.get("/api/v3/repos/acme/shop/labels?per_page=1")
            assert pages.links["next"]["url"].startswith(f"{forge.tls_url}/api/v3/")


def test_one_who_does_not_is_not(forge: Sandbox) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{forge.tls_url}/api/v3/meta", trust_env=False)


def test_the_plain_port_is_served_as_before(forge: Sandbox) -> None:
    token = {"Authorization": f"Bearer {forge.token('dana')}"}
    found = httpx.get(f"{forge.api_url}/repos/acme/shop", headers=token, trust_env=False).json()
    assert found["clone_url"] == f"{forge.url}/acme/shop.git"


def test_git_works_over_tls(forge: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(forge.ca_file))
    clone = Clone.empty(tmp_path / "clone")
    clone.git("config", "http.sslCAInfo", str(forge.ca_file))
    address = f"{forge.tls_url}/acme/shop.git"
    dana = TokenCredential(forge.token("dana"))
    assert clone.push(address, f"{clone.commit(None, 'A start')}:refs/heads/topic", dana).allowed
    assert clone.head(address, "refs/heads/topic", dana) is not None


def test_the_keys_are_for_their_owner_only_and_new_at_each_start(tmp_path: Path) -> None:
    authorities = []
    for _ in range(2):
        with Sandbox(tmp_path / "forge", tls=True) as forge:
            assert forge.ca_file is not None
            authorities.append(forge.ca_file.read_bytes())
            key = forge.ca_file.parent / "server.key"
            assert (key.stat().st_mode & 0o077, key.parent.stat().st_mode & 0o077) == (0, 0)
            assert b"PRIVATE" not in b"".join(path.read_bytes() for path in key.parent.glob("*.pem"))
    assert authorities[0] != authorities[1]


def test_without_it_there_is_neither_address_nor_file(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "forge") as forge:
        assert (forge.tls_url, forge.ca_file, (forge.directory / "tls").exists()) == ("", None, False)

"""A secret is found wherever it stands, however it is written, and only where it is."""

import base64
import gzip
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitops_infra.sandbox.plugins import private_keys
from guarantee.canaries.learn import frames, public_halves
from guarantee.canaries.scan import SHORTEST, Canary, Scanner

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def secrets(letters: str) -> st.SearchStrategy[str]:
    """Texts in which no letter comes twice: runs of few letters are in every text, and are not looked for."""
    length = st.integers(SHORTEST, len(letters))
    return st.tuples(st.permutations(letters), length).map(lambda found: "".join(found[0][: found[1]]))


SECRETS = secrets(f'{LETTERS}+/="\\&%<>')
JUNK = st.binary(max_size=40)
WAYS: dict[str, Callable[[bytes], bytes]] = {
    "raw": lambda text: text,
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
    "base64 of base64": lambda text: base64.b64encode(base64.b64encode(text)),
    "hex": lambda text: text.hex().encode(),
    "HEX": lambda text: text.hex().upper().encode(),
    "URL": lambda text: quote(text, safe="").encode(),
    "JSON": lambda text: json.dumps(text.decode()).encode(),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"note": text.decode()})).encode(),
    "gzip": gzip.compress,
}
KEYS = {
    name: private_keys.make(kind)[1]
    for name, kind in {
        "Ed25519": {"algorithm": "ED25519"},
        "RSA": {"algorithm": "RSA"},
        "ECDSA": {"algorithm": "ECDSA", "ecdsaCurve": "P256"},
    }.items()
}
FORMATS = ("privateKeyPem", "privateKeyOpenssh", "privateKeyPemPkcs8")


def scanner(*values: str) -> Scanner:
    return Scanner([Canary("any", f"secret {number}", (value,)) for number, value in enumerate(values)])


def key_scanner(key: dict[str, str], *formats: str) -> Scanner:
    found = [Canary("key", "key", tuple(key[each] for each in formats))]
    return Scanner(found, [*frames(), *public_halves(found)])


@pytest.mark.parametrize("way", WAYS)
@given(secret=SECRETS, before=JUNK, after=JUNK, shift=st.integers(0, 2))
@settings(max_examples=40, deadline=None)
def test_it_is_found_in_every_way_of_writing(way: str, secret: str, before: bytes, after: bytes, shift: int) -> None:
    text = secret.encode()
    shift = 0 if way == "base64 of base64" else shift  # the whole value is encoded twice, as Kubernetes does
    inside = WAYS[way](text) if way.startswith("JSON") else WAYS[way](b"x" * shift + text + b"yy")
    data = inside if way == "gzip" else before + inside + after
    assert {found.canary.name for found in scanner(secret).scan(data)} == {"secret 0"}


@given(data=st.data(), secret=secrets(LETTERS))
@settings(max_examples=60, deadline=None)
def test_any_piece_of_24_characters_gives_it_away(data: st.DataObject, secret: str) -> None:
    start = data.draw(st.integers(0, len(secret) - SHORTEST))
    piece = secret[start : start + SHORTEST].encode()
    before, after = data.draw(JUNK), data.draw(JUNK)
    one = scanner(secret)
    for way in ("raw", "base64", "base64url", "hex", "HEX"):
        assert one.scan(before + WAYS[way](piece) + after), way


@pytest.mark.parametrize("algorithm", KEYS)
@pytest.mark.parametrize("form", FORMATS)
def test_a_key_is_found_across_its_line_breaks(algorithm: str, form: str) -> None:
    one, body = key_scanner(KEYS[algorithm], form), "".join(KEYS[algorithm][form].split("-----")[2].split())
    for newline in ("\n", "\r\n", "\\n", "\\\\n", "%0A", '" \\\n  "', "\n      "):
        for width in (8, 24, 64, 76):
            wrapped = newline.join(body[at : at + width] for at in range(0, len(body), width))
            assert one.scan(f"key: |{newline}{wrapped}".encode()), (newline, width)


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_key_is_found_in_a_format_of_its_own(algorithm: str) -> None:
    """Whatever of its formats leaks, and in base64 as Kubernetes shows data."""
    one = key_scanner(KEYS[algorithm], *FORMATS)
    for form in FORMATS:
        text = KEYS[algorithm][form].encode()
        assert one.scan(text)
        assert one.scan(base64.b64encode(text))
        assert one.scan(base64.b64encode(base64.b64encode(text)))


@pytest.mark.parametrize("algorithm", KEYS)
def test_its_public_half_gives_nothing_away(algorithm: str) -> None:
    one, key = key_scanner(KEYS[algorithm], *FORMATS), KEYS[algorithm]
    for name, text in key.items():
        if name.startswith("public"):
            assert not one.scan(text.encode()), name
            assert not one.scan(base64.b64encode(text.encode())), name


@pytest.mark.parametrize("algorithm", KEYS)
def test_another_key_of_the_same_kind_is_not_taken_for_it(algorithm: str) -> None:
    one = key_scanner(KEYS[algorithm], *FORMATS)
    for other in frames():
        assert not one.scan(other.encode())


def test_where_the_frame_of_a_format_ends_a_few_equal_letters_are_chance() -> None:
    """Another key that begins as this one does, by chance, is another key."""
    keys = [private_keys.make({"algorithm": "ED25519"})[1]["privateKeyPem"] for _ in range(2)]
    canaries = [Canary("key", "first", (KEYS["Ed25519"]["privateKeyPem"],)), Canary("key", "second", (keys[0],))]
    one = Scanner(canaries, [*frames(), *public_halves(canaries)])
    body = KEYS["Ed25519"]["privateKeyPem"].split("-----")[2].strip()
    alike, other = body[:24], keys[1].split("-----")[2].strip()
    assert alike[:21] == other[:21], "the frame"
    assert not one.scan((alike + other[24:]).encode())
    assert one.scan(body[:48].encode())


def test_many_keys_are_each_told_from_all_others() -> None:
    """Keys of one kind differ in a part of their text alone."""
    kinds = ({"algorithm": "ED25519"}, {"algorithm": "ECDSA", "ecdsaCurve": "P256"})
    made = [private_keys.make(kind)[1] for kind in kinds for _ in range(120)]
    canaries = [Canary("key", f"key {n}", tuple(key[each] for each in FORMATS)) for n, key in enumerate(made[::10])]
    one = Scanner(canaries, [*frames(), *public_halves(canaries)])
    for number, key in enumerate(made):
        expected = [f"key {number // 10}"] if number % 10 == 0 else []
        for form in FORMATS:
            for data in (key[form].encode(), base64.b64encode(key[form].encode())):
                assert [found.canary.name for found in one.scan(data)] == expected


@given(secret=SECRETS, data=st.binary(max_size=2_000))
@settings(max_examples=40, deadline=None)
def test_what_does_not_hold_it_is_no_hit(secret: str, data: bytes) -> None:
    assert not scanner(secret).scan(data)


def test_each_secret_is_told_from_the_others() -> None:
    first, second = "the first one: 8f3Kq0ZrT6mW2xY9", "the second one: J4nB7vC1sD5gH0pL"
    found = scanner(first, second).scan(f"a\n{second}\nb".encode())
    assert [each.canary.name for each in found] == ["secret 1"]


@pytest.mark.parametrize("value", ["", "short", "twenty-three characters"])
def test_a_secret_that_is_too_short_to_be_found_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="secret 0 is too short to be looked for: 24 characters at least"):
        scanner(value)


def test_a_secret_of_which_nothing_is_its_own_is_refused() -> None:
    value = "8f3Kq0ZrT6mW2xY9J4nB7vC1sD5gH0pL"
    with pytest.raises(ValueError, match="cannot be looked for"):
        scanner(value, value)

"""Makes key pairs in the forms that `tls.PrivateKey` promises."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

DEFAULTS: Mapping[str, Any] = {"ecdsaCurve": "P224", "rsaBits": 2048}
PRIVATE = ("privateKeyPem", "privateKeyOpenssh", "privateKeyPemPkcs8")
PUBLIC = ("publicKeyPem", "publicKeyOpenssh", "publicKeyFingerprintMd5", "publicKeyFingerprintSha256")

CURVES: Mapping[str, Callable[[], ec.EllipticCurve]] = {
    "P224": ec.SECP224R1,
    "P256": ec.SECP256R1,
    "P384": ec.SECP384R1,
    "P521": ec.SECP521R1,
}
RSA_BITS = (1024, 16384)
"""Smallest and largest size that is made: below, `cryptography` refuses; above, a key takes minutes."""

_PrivateKey = ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
ALGORITHMS: Mapping[str, Callable[[Mapping[str, Any]], _PrivateKey]] = {
    "ED25519": lambda _: ed25519.Ed25519PrivateKey.generate(),
    "RSA": lambda given: rsa.generate_private_key(public_exponent=65537, key_size=given["rsaBits"]),
    "ECDSA": lambda given: ec.generate_private_key(CURVES[given["ecdsaCurve"]]()),
}


def with_defaults(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with what the provider fills in; given None counts as not given."""
    return dict(DEFAULTS) | {name: value for name, value in inputs.items() if value is not None}


def make(inputs: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """A new key pair: its id (SHA-1 of the public key, hexadecimal) and every property of `PRIVATE` and `PUBLIC`.

    `inputs` are valid: see `problems`. OpenSSH knows no P224, so its OpenSSH forms and fingerprints are empty,
    as upstream's are. The OpenSSH public key ends with a line feed, as upstream's does.
    """
    given = with_defaults(inputs)
    key = ALGORITHMS[given["algorithm"]](given)
    public = key.public_key()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pkcs8 = _private(key, PrivateFormat.PKCS8)
    known_to_ssh = not (isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP224R1))
    ssh = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() if known_to_ssh else ""
    blob = base64.b64decode(ssh.split()[1]) if ssh else b""
    sha256 = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return hashlib.sha1(der, usedforsecurity=False).hexdigest(), {
        # Ed25519 has no traditional form of its own.
        "privateKeyPem": pkcs8
        if isinstance(key, ed25519.Ed25519PrivateKey)
        else _private(key, PrivateFormat.TraditionalOpenSSL),
        "privateKeyOpenssh": _private(key, PrivateFormat.OpenSSH) if known_to_ssh else "",
        "privateKeyPemPkcs8": pkcs8,
        "publicKeyPem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "publicKeyOpenssh": f"{ssh}\n" if ssh else "",
        "publicKeyFingerprintMd5": _md5(blob),
        "publicKeyFingerprintSha256": f"SHA256:{sha256}" if ssh else "",
    }


def problems(inputs: Mapping[str, Any], unknown: str) -> list[tuple[str, str]]:
    """What is wrong with the inputs, as (property, reason); values equal to `unknown` are not judged."""
    given = with_defaults(inputs)
    found = [
        (name, f"{name} is not a property of PrivateKey; there are algorithm, ecdsaCurve and rsaBits")
        for name in sorted(set(given) - {"algorithm", *DEFAULTS})
    ]
    algorithm, curve, bits = given.get("algorithm"), given["ecdsaCurve"], given["rsaBits"]
    if algorithm is None:
        found.append(("algorithm", f"algorithm is required: one of {', '.join(ALGORITHMS)}"))
    elif algorithm not in {*ALGORITHMS, unknown}:
        found.append(("algorithm", f"algorithm {algorithm!r} is unknown: use one of {', '.join(ALGORITHMS)}"))
    if curve not in {*CURVES, unknown}:
        found.append(("ecdsaCurve", f"curve {curve!r} is unknown: use one of {', '.join(CURVES)}"))
    low, high = RSA_BITS
    if bits != unknown and not (isinstance(bits, int) and low <= bits <= high):
        found.append(("rsaBits", f"{bits!r} bits are not possible: use {low} to {high}"))
    return found


def _private(key: _PrivateKey, form: PrivateFormat) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def _md5(blob: bytes) -> str:
    if not blob:
        return ""
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[start : start + 2] for start in range(0, len(digest), 2))

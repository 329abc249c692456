"""A cluster's own certificate authority: who its API server is, and who its users are."""

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gitops_infra.sandbox.certificate_parts import builder, usage

DAYS = 365
SERVER_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")
_PEM = serialization.Encoding.PEM


@dataclass(frozen=True)
class Credential:
    """A certificate and its private key, in PEM."""

    certificate: str
    key: str

    def __repr__(self) -> str:
        """Without the private key, which would end in logs."""
        return "Credential(...)"


class Authority:
    """Signs for one cluster. Unlike the forge's, it is kept: kubeconfigs must outlive a restart."""

    def __init__(self, certificate: str, key: str) -> None:
        self.certificate = certificate
        self._issuer = x509.load_pem_x509_certificate(certificate.encode()).subject
        loaded = serialization.load_pem_private_key(key.encode(), None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise TypeError("the authority's key is not an elliptic-curve key")
        self._key = loaded

    @classmethod
    def kept(cls, folder: Path, name: str) -> Self:
        """The authority whose files are in the folder; a new one of that name if there are none."""
        certificate, key = folder / "ca.crt", folder / "ca.key"
        if not (certificate.exists() and key.exists()):
            made = _authority(f"Sandbox cluster {name}")
            write_private(key, made.key)
            certificate.write_text(made.certificate, encoding="ascii")
        return cls(certificate.read_text(encoding="ascii"), key.read_text(encoding="ascii"))

    def server(self) -> Credential:
        """Of the API server: good for 127.0.0.1 and the names under which a cluster knows it."""
        addresses = [
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.IPAddress(ipaddress.ip_address("10.0.0.1")),
        ]
        names = x509.SubjectAlternativeName([*addresses, *(x509.DNSName(name) for name in SERVER_NAMES)])
        return self._sign(_subject("kube-apiserver"), ExtendedKeyUsageOID.SERVER_AUTH, names=names)

    def client(self, name: str, groups: Sequence[str] = (), *, expired: bool = False) -> Credential:
        """Of the user `name` in these groups. An expired one was good until yesterday."""
        return self._sign(_subject(name, groups), ExtendedKeyUsageOID.CLIENT_AUTH, expired=expired)

    def _sign(
        self,
        subject: x509.Name,
        usage: x509.ObjectIdentifier,
        *,
        names: x509.SubjectAlternativeName | None = None,
        expired: bool = False,
    ) -> Credential:
        key = ec.generate_private_key(ec.SECP256R1())
        begin = dt.datetime.now(dt.UTC) - (dt.timedelta(days=DAYS + 1) if expired else dt.timedelta())
        unsigned = (
            builder(subject, self._issuer, key, begin, DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if names is not None:
            unsigned = unsigned.add_extension(names, critical=False)
        signed = unsigned.sign(self._key, hashes.SHA256())
        return Credential(signed.public_bytes(_PEM).decode(), private_pem(key))


def private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """The key as PKCS#8 in PEM, not encrypted."""
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def public_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """The public half, in PEM."""
    return key.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read; it appears complete or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


def _authority(name: str) -> Credential:
    key = ec.generate_private_key(ec.SECP256R1())
    signed = (
        # Ten times as long as what it signs: it stays with the cluster's data.
        builder(_subject(name), _subject(name), key, dt.datetime.now(dt.UTC), 10 * DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Credential(signed.public_bytes(_PEM).decode(), private_pem(key))


def _subject(name: str, groups: Sequence[str] = ()) -> x509.Name:
    """Kubernetes reads the user from CN and the groups from O."""
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, name)])

"""A certificate for the loopback address, from an authority that is made at each start and signs nothing else."""

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gitops_infra.sandbox.certificate_parts import builder, usage

FOLDER = "tls"
DAYS = 30
"""How long a certificate is good for. A forge that runs longer needs a restart."""


@dataclass(frozen=True)
class Certificate:
    """Files of a server certificate, in PEM."""

    ca_file: Path
    """What clients must trust."""
    chain_file: Path
    key_file: Path
    """Readable by its owner only."""


def make(directory: Path) -> Certificate:
    """A new authority and a certificate for 127.0.0.1 and localhost, below `directory / "tls"`.

    The authority's key is never written and forgotten at once: nobody can make a second certificate that those who
    trust this one would accept. Uses the computer's real time, for that is what clients compare with.
    """
    folder = directory / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    now = dt.datetime.now(dt.UTC)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = _named("Sandbox forge, authority of this start only")
    authority = (
        builder(name, name, authority_key, now, DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    addresses = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    server = (
        builder(_named("127.0.0.1"), name, key, now, DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    made = Certificate(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    pem = serialization.Encoding.PEM
    made.ca_file.write_bytes(authority.public_bytes(pem))
    made.chain_file.write_bytes(server.public_bytes(pem) + authority.public_bytes(pem))
    made.key_file.unlink(missing_ok=True)
    with os.fdopen(os.open(made.key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        )
    return made


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])

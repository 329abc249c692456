"""What the certificates of the forge and of the clusters have in common."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

SKEW = dt.timedelta(minutes=5)
"""How far back a certificate holds already: the clocks of two processes may differ."""


def builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begin: dt.datetime,
    days: int,
) -> x509.CertificateBuilder:
    """A certificate of `key` for `subject`, good for so many days from `begin`, without extensions yet."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin - SKEW)
        .not_valid_after(begin + dt.timedelta(days=days))
    )


def usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """Of an authority, which signs certificates and nothing else, or of a server, which does not."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )

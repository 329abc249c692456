"""The tls plugin over its real protocol, in its own process."""

import importlib.metadata
import json
from typing import Any

import grpc
import pulumi_tls
import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from google.protobuf import empty_pb2
from pulumi import _types as annotations
from pulumi.runtime.proto import provider_pb2
from pulumi.runtime.proto.provider_pb2_grpc import ResourceProviderStub

from gitops_infra.sandbox.plugins import wire

URN = "urn:pulumi:s::p::gitops-infra:index:BranchCredential$tls:index/privateKey:PrivateKey::key"
PRIVATE = {"privateKeyPem", "privateKeyOpenssh", "privateKeyPemPkcs8"}


def create(tls: ResourceProviderStub, *, preview: bool = False, **inputs: Any) -> provider_pb2.CreateResponse:
    return tls.Create(provider_pb2.CreateRequest(urn=URN, properties=wire.write(inputs), preview=preview))


def diff(tls: ResourceProviderStub, old: dict[str, Any], new: dict[str, Any], **more: Any) -> provider_pb2.DiffResponse:
    request = provider_pb2.DiffRequest(
        id="1", urn=URN, old_inputs=wire.write(old), olds=wire.write(old), news=wire.write(new), **more
    )
    return tls.Diff(request)


def reasons(tls: ResourceProviderStub, **inputs: Any) -> list[tuple[str, str]]:
    answer = tls.Check(provider_pb2.CheckRequest(urn=URN, news=wire.write(inputs)))
    return [(failure.property, failure.reason) for failure in answer.failures]


def test_it_is_the_version_that_the_package_asks_for(tls: ResourceProviderStub) -> None:
    assert tls.GetPluginInfo(empty_pb2.Empty()).version == importlib.metadata.version("pulumi-tls")


@pytest.mark.parametrize("algorithm", ["ED25519", "RSA", "ECDSA"])
def test_a_key_has_every_property_of_the_package_and_only_private_ones_are_secret(
    tls: ResourceProviderStub, algorithm: str
) -> None:
    outputs = wire.read(create(tls, algorithm=algorithm).properties)
    assert set(outputs) == set(annotations.resource_types(pulumi_tls.PrivateKey))
    assert {name for name, value in outputs.items() if wire.is_secret(value)} == PRIVATE
    assert (outputs["ecdsaCurve"], outputs["rsaBits"]) == ("P224", 2048)


@pytest.mark.parametrize(
    "inputs",
    [
        {"algorithm": "ED25519"},
        {"algorithm": "RSA", "rsaBits": 3072},
        *({"algorithm": "ECDSA", "ecdsaCurve": curve} for curve in ("P256", "P384", "P521")),
    ],
    ids=str,
)
def test_the_private_key_belongs_to_the_public_key(tls: ResourceProviderStub, inputs: dict[str, Any]) -> None:
    outputs = wire.read(create(tls, **inputs).properties)
    key = load_ssh_private_key(wire.revealed(outputs["privateKeyOpenssh"]).encode(), None)
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert outputs["publicKeyOpenssh"] == f"{public}\n"
    for name in ("privateKeyPem", "privateKeyPemPkcs8"):
        other = load_pem_private_key(wire.revealed(outputs[name]).encode(), None)
        assert other.public_key() == key.public_key()


def test_openssh_knows_no_p224(tls: ResourceProviderStub) -> None:
    outputs = wire.read(create(tls, algorithm="ECDSA").properties)
    assert outputs["publicKeyOpenssh"] == outputs["publicKeyFingerprintSha256"] == ""
    assert wire.revealed(outputs["privateKeyOpenssh"]) == ""
    assert outputs["publicKeyPem"].startswith("-----BEGIN PUBLIC KEY-----")


def test_a_preview_makes_no_key_and_says_unknown(tls: ResourceProviderStub) -> None:
    answer = create(tls, preview=True, algorithm="ED25519")
    outputs = wire.read(answer.properties)
    assert answer.id == ""
    assert {wire.revealed(outputs[name]) for name in outputs if "Key" in name} == {wire.UNKNOWN}
    assert {name for name, value in outputs.items() if wire.is_secret(value)} == PRIVATE


def test_bad_inputs_are_told_each(tls: ResourceProviderStub) -> None:
    assert reasons(tls, algorithm="ED25519") == []
    assert reasons(tls, algorithm=wire.UNKNOWN, rsaBits=wire.UNKNOWN) == []
    assert reasons(tls) == [("algorithm", "algorithm is required: one of ED25519, RSA, ECDSA")]
    assert reasons(tls, algorithm="DSA", ecdsaCurve="P1", rsaBits=1023, bits=1) == [
        ("bits", "bits is not a property of PrivateKey; there are algorithm, ecdsaCurve and rsaBits"),
        ("algorithm", "algorithm 'DSA' is unknown: use one of ED25519, RSA, ECDSA"),
        ("ecdsaCurve", "curve 'P1' is unknown: use one of P224, P256, P384, P521"),
        ("rsaBits", "1023 bits are not possible: use 1024 to 16384"),
    ]


def test_a_secret_input_stays_secret(tls: ResourceProviderStub) -> None:
    assert reasons(tls, algorithm=wire.secret("ED25519")) == []
    assert wire.is_secret(wire.read(create(tls, algorithm=wire.secret("ED25519")).properties)["algorithm"])


def test_a_change_replaces_and_a_spelt_out_default_is_none(tls: ResourceProviderStub) -> None:
    assert list(diff(tls, {"algorithm": "RSA"}, {"algorithm": "ED25519"}).replaces) == ["algorithm"]
    assert list(diff(tls, {"algorithm": "RSA"}, {"algorithm": "RSA", "rsaBits": 4096}).replaces) == ["rsaBits"]
    same = diff(tls, {"algorithm": "RSA"}, {"algorithm": "RSA", "rsaBits": 2048})
    assert same.changes == provider_pb2.DiffResponse.DIFF_NONE
    ignored = diff(tls, {"algorithm": "RSA"}, {"algorithm": "ED25519"}, ignoreChanges=["algorithm"])
    assert ignored.changes == provider_pb2.DiffResponse.DIFF_NONE


def test_refresh_gives_the_state_back_and_import_is_refused(tls: ResourceProviderStub) -> None:
    made = create(tls, algorithm="ED25519")
    answer = tls.Read(provider_pb2.ReadRequest(id=made.id, urn=URN, properties=made.properties))
    assert (answer.id, wire.read(answer.properties)) == (made.id, wire.read(made.properties))
    with pytest.raises(grpc.RpcError) as caught:
        tls.Read(provider_pb2.ReadRequest(id="abc", urn=URN))
    assert caught.value.details() == (
        f"{URN}: a PrivateKey cannot be imported or looked up, it exists only in a stack's state"
    )


def test_what_it_does_not_have_is_refused_by_name(tls: ResourceProviderStub) -> None:
    owner = "the tls plugin of the sandbox (it has only tls:index/privateKey:PrivateKey)"
    with pytest.raises(grpc.RpcError) as caught:
        tls.Invoke(provider_pb2.InvokeRequest(tok="tls:index/getPublicKey:getPublicKey"))
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert caught.value.details() == f"{owner} does not implement Invoke"
    urn = "urn:pulumi:s::p::tls:index/certRequest:CertRequest::c"
    with pytest.raises(grpc.RpcError) as caught:
        tls.Create(provider_pb2.CreateRequest(urn=urn))
    assert caught.value.details() == f"{owner} does not implement tls:index/certRequest:CertRequest ({urn})"
    config = tls.CheckConfig(provider_pb2.CheckRequest(news=wire.write({"version": "5.6.2", "proxy": {}})))
    assert [failure.reason for failure in config.failures] == [f"{owner} has no setting 'proxy'; remove it"]


def test_its_schema_marks_the_private_properties(tls: ResourceProviderStub) -> None:
    schema = json.loads(tls.GetSchema(provider_pb2.GetSchemaRequest()).schema)
    resource = schema["resources"]["tls:index/privateKey:PrivateKey"]
    assert {name for name, it in resource["properties"].items() if it["secret"]} == PRIVATE
    assert resource["requiredInputs"] == ["algorithm"]

"""Bearer tokens: which are taken, and that nothing else is."""

import base64
import hmac
import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import (
    generate_private_key as generate_rsa_key,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from adapters.jwt.settings import JwtSettings, JwtSettingsError
from adapters.jwt.verifier import JwtVerifier
from domain.identity.errors import (
    CredentialExpiredError,
    CredentialRefusedError,
    IssuerUnavailableError,
)
from tests.fakes import NOON, StoppedClock

NOW: Final = int(NOON.timestamp())
EDWARDS: Final = Ed25519PrivateKey.generate()
CURVE: Final = generate_private_key(SECP256R1())
RSA: Final = generate_rsa_key(65537, 2048)
STRANGER: Final = Ed25519PrivateKey.generate()

Claims = dict[str, object]


def claims(**changes: object) -> Claims:
    """Good claims but for the changes; a claim changed to None is left out."""
    whole: Claims = {
        "iss": "https://issuer.example",
        "aud": "somagent",
        "sub": "ada",
        "tenant": "acme",
        "roles": ["member"],
        "scope": "openid conversation:* tools:execute",
        "exp": NOW + 60,
        "iat": NOW,
    } | changes
    return {name: value for name, value in whole.items() if value is not None}


def token(
    content: Claims | None = None,
    *,
    key: Ed25519PrivateKey = EDWARDS,
    headers: Mapping[str, object] | None = None,
) -> str:
    return jwt.encode(
        content or claims(),
        key,
        algorithm="EdDSA",
        headers=dict(headers if headers is not None else {"kid": "edwards"}),
    )


def key_set(*, edwards: Ed25519PrivateKey = EDWARDS, kid: str = "edwards") -> bytes:
    entries: list[object] = [
        OKPAlgorithm.to_jwk(edwards.public_key(), as_dict=True) | {"kid": kid},
        ECAlgorithm.to_jwk(CURVE.public_key(), as_dict=True) | {"kid": "curve"},
        RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True) | {"kid": "rsa", "alg": "RS256"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared", "alg": "HS256"},
        {"kty": "new", "kid": "unknown"},
        "no key",
    ]
    return json.dumps({"keys": entries}).encode()


def by_hand(header: Mapping[str, object], content: Mapping[str, object], signature: str) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in (header, content))
    return ".".join([*(part.decode().rstrip("=") for part in parts), signature])


@dataclass(frozen=True, slots=True)
class Issuer:
    """A key set in a file, and a verifier that reads it."""

    file: Path
    clock: StoppedClock
    verifier: JwtVerifier


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    file, clock = tmp_path / "keys.json", StoppedClock()
    file.write_bytes(key_set())
    return Issuer(file, clock, JwtVerifier(settings_for(str(file)), clock))


def settings_for(keys: str, *, issuer: str = "https://issuer.example") -> JwtSettings:
    return JwtSettings(issuer=issuer, audience="somagent", keys=keys)


async def test_a_good_token_says_who_calls(issuer: Issuer) -> None:
    verified = await issuer.verifier.verify(token())

    assert (verified.subject, verified.tenant) == ("ada", "acme")
    assert verified.roles == {"member"}
    assert verified.scopes == {"conversation:*", "tools:execute"}
    assert verified.expires_at.timestamp() == NOW + 90


async def test_every_asymmetric_algorithm_is_taken_by_its_own_key(issuer: Issuer) -> None:
    curve = jwt.encode(claims(), CURVE, algorithm="ES256", headers={"kid": "curve"})
    rsa = jwt.encode(claims(), RSA, algorithm="RS256", headers={"kid": "rsa"})

    assert (await issuer.verifier.verify(curve)).subject == "ada"
    assert (await issuer.verifier.verify(rsa)).subject == "ada"


async def test_roles_and_scopes_may_be_lists_or_words(issuer: Issuer) -> None:
    verified = await issuer.verifier.verify(
        token(claims(roles="member auditor", scope=None, scp=["tools:read"], scopes="a:b c:d"))
    )

    assert verified.roles == {"member", "auditor"}
    assert verified.scopes == {"tools:read", "a:b", "c:d"}


@pytest.mark.parametrize(
    "content",
    [
        claims(iss="https://other.example"),
        claims(iss=None),
        claims(aud="another"),
        claims(aud=None),
        claims(exp=None),
        claims(exp="soon"),
        claims(exp=10**30),
        claims(exp=True),
        claims(nbf=NOW + 31),
        claims(iat=NOW + 31),
        claims(sub=None),
        claims(sub=""),
        claims(sub="a\nb"),
        claims(sub="x" * 201),
        claims(tenant=None),
        claims(tenant=["acme"]),
        claims(roles={"a": 1}),
        claims(roles=[1]),
        claims(roles=["r"] * 257),
        claims(scope=7),
    ],
)
async def test_a_token_with_another_claim_is_refused(issuer: Issuer, content: Claims) -> None:
    with pytest.raises(CredentialRefusedError):
        await issuer.verifier.verify(token(content))


async def test_one_of_many_audiences_is_enough(issuer: Issuer) -> None:
    assert (await issuer.verifier.verify(token(claims(aud=["other", "somagent"])))).subject == "ada"


async def test_clocks_may_be_off_by_half_a_minute(issuer: Issuer) -> None:
    early = token(claims(nbf=NOW + 30, iat=NOW + 30))
    late = token(claims(exp=NOW - 29))

    assert (await issuer.verifier.verify(early)).subject == "ada"
    assert (await issuer.verifier.verify(late)).subject == "ada"
    with pytest.raises(CredentialExpiredError):
        await issuer.verifier.verify(token(claims(exp=NOW - 30)))


async def test_a_strangers_token_is_refused_before_it_is_read(issuer: Issuer) -> None:
    with pytest.raises(CredentialRefusedError):
        await issuer.verifier.verify(token(claims(exp=NOW - 3600), key=STRANGER))


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none", "kid": "edwards"},
        {"alg": "None"},
        {"alg": "HS256", "kid": "edwards"},
        {"alg": "HS256", "kid": "shared"},
        {"alg": "RS256", "kid": "edwards"},
        {"alg": ["EdDSA"], "kid": "edwards"},
        {"alg": "EdDSA", "kid": 7},
        {"kid": "edwards"},
        {"alg": "EdDSA", "kid": "edwards", "crit": ["exp"], "exp": 1},
    ],
)
async def test_a_header_cannot_say_how_it_is_verified(
    issuer: Issuer, header: Mapping[str, object]
) -> None:
    for signature in ("", "c2lnbmF0dXJl"):
        with pytest.raises(CredentialRefusedError):
            await issuer.verifier.verify(by_hand(header, claims(), signature))


async def test_a_public_key_is_no_shared_secret(issuer: Issuer) -> None:
    for algorithm in ("HS256", "EdDSA"):
        unsigned = by_hand({"alg": algorithm, "kid": "edwards"}, claims(), "")[:-1]
        mac = hmac.digest(EDWARDS.public_key().public_bytes_raw(), unsigned.encode(), "sha256")
        forged = f"{unsigned}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

        with pytest.raises(CredentialRefusedError):
            await issuer.verifier.verify(forged)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b.c", "é", "a" * 1000, f"{'W' * 16000}.e30.", "e30.e30.e30"]
)
async def test_what_is_no_token_is_refused(issuer: Issuer, text: str) -> None:
    with pytest.raises(CredentialRefusedError):
        await issuer.verifier.verify(text)


async def test_deeply_nested_claims_are_refused(issuer: Issuer) -> None:
    header = base64.urlsafe_b64encode(b'{"alg":"EdDSA","kid":"edwards"}').decode().rstrip("=")
    content = base64.urlsafe_b64encode(b"[" * 8000).decode().rstrip("=")

    with pytest.raises(CredentialRefusedError):
        await issuer.verifier.verify(f"{header}.{content}.c2ln")
    with pytest.raises(CredentialRefusedError):
        await issuer.verifier.verify(f"{content}.{content}.c2ln")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(min_value=0), character=st.characters(codec="ascii"))
async def test_a_token_with_another_character_is_refused(
    issuer: Issuer, place: int, character: str
) -> None:
    good = token()
    last_of_part = {good.index("."), good.rindex("."), len(good)}
    at = place % len(good)
    if good[at] == character or at + 1 in last_of_part:
        # The last character of a part may have bits that mean nothing.
        return

    with pytest.raises((CredentialRefusedError, CredentialExpiredError)):
        await issuer.verifier.verify(good[:at] + character + good[at + 1 :])


async def test_without_a_name_only_a_sole_key_is_taken(issuer: Issuer) -> None:
    nameless = token(headers={})
    with pytest.raises(CredentialRefusedError):
        await issuer.verifier.verify(nameless)

    sole = OKPAlgorithm.to_jwk(EDWARDS.public_key(), as_dict=True)
    issuer.file.write_bytes(json.dumps({"keys": [sole]}).encode())

    fresh = JwtVerifier(settings_for(str(issuer.file)), issuer.clock)
    assert (await fresh.verify(nameless)).subject == "ada"


async def test_a_new_key_is_found_though_the_old_ones_are_still_fresh(issuer: Issuer) -> None:
    await issuer.verifier.verify(token())
    issuer.file.write_bytes(key_set(edwards=STRANGER, kid="next"))
    rolled = token(key=STRANGER, headers={"kid": "next"})

    with pytest.raises(CredentialRefusedError):
        await issuer.verifier.verify(rolled)
    issuer.clock.advance(10)

    assert (await issuer.verifier.verify(rolled)).subject == "ada"


async def test_unknown_keys_cannot_make_it_read_more_often(issuer: Issuer) -> None:
    await issuer.verifier.verify(token())
    issuer.clock.advance(10)
    with pytest.raises(CredentialRefusedError):
        await issuer.verifier.verify(token(headers={"kid": "first"}))
    issuer.file.write_bytes(key_set(edwards=STRANGER, kid="next"))

    issuer.clock.advance(9)

    with pytest.raises(CredentialRefusedError):
        await issuer.verifier.verify(token(key=STRANGER, headers={"kid": "next"}))


async def test_a_key_that_was_withdrawn_is_no_longer_taken_when_the_set_is_old(
    issuer: Issuer,
) -> None:
    await issuer.verifier.verify(token())
    issuer.file.write_bytes(key_set(edwards=STRANGER, kid="next"))

    issuer.clock.advance(301)

    with pytest.raises(CredentialRefusedError):
        await issuer.verifier.verify(token(claims(exp=NOW + 900)))


async def test_old_keys_serve_on_for_an_hour_while_new_ones_cannot_be_read(issuer: Issuer) -> None:
    lasting = token(claims(exp=NOW + 90_000))
    await issuer.verifier.verify(lasting)
    issuer.file.unlink()

    issuer.clock.advance(3600)
    assert (await issuer.verifier.verify(lasting)).subject == "ada"
    issuer.clock.advance(1)

    with pytest.raises(IssuerUnavailableError):
        await issuer.verifier.verify(lasting)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"keys":[]}', b"<html>", b'{"keys":[{"kty":"oct","k":"a"}]}']
)
async def test_a_key_set_that_is_none_is_no_key_set(issuer: Issuer, content: bytes) -> None:
    issuer.file.write_bytes(content)

    with pytest.raises(IssuerUnavailableError):
        await issuer.verifier.verify(token())


class Answer(BaseHTTPRequestHandler):
    """Serves a key set, a redirect to it, and an error."""

    def do_GET(self) -> None:
        status = {"/keys": 200, "/moved": 302}.get(self.path, 503)
        self.send_response(status)
        self.send_header("location", "/keys")
        self.end_headers()
        self.wfile.write(key_set())

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Nothing: tests say what they have to say by themselves."""


@pytest.fixture(scope="module")
def server() -> Generator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as listening:
        thread = Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


async def test_keys_may_come_from_a_url(server: str) -> None:
    verifier = JwtVerifier(settings_for(f"{server}/keys"), StoppedClock())

    assert (await verifier.verify(token())).subject == "ada"


@pytest.mark.parametrize("path", ["/moved", "/broken"])
async def test_a_server_that_sends_elsewhere_or_fails_gives_no_keys(server: str, path: str) -> None:
    verifier = JwtVerifier(settings_for(server + path), StoppedClock())

    with pytest.raises(IssuerUnavailableError):
        await verifier.verify(token())


async def test_a_server_that_is_not_there_gives_no_keys() -> None:
    verifier = JwtVerifier(settings_for("http://127.0.0.1:9/keys"), StoppedClock())

    with pytest.raises(IssuerUnavailableError):
        await verifier.verify(token())


@pytest.mark.parametrize(
    "keys",
    ["http://issuer.example/keys", "ftp://127.0.0.1/keys", "file:///keys", "https:///keys"],
)
def test_keys_do_not_come_from_just_anywhere(keys: str) -> None:
    with pytest.raises(JwtSettingsError):
        JwtVerifier(settings_for(keys), StoppedClock())


def test_shared_secrets_cannot_be_switched_on() -> None:
    with pytest.raises(JwtSettingsError):
        JwtSettings(issuer="i", audience="a", keys="k", algorithms=frozenset({"HS256"}))
    with pytest.raises(JwtSettingsError):
        settings_for("keys", issuer="")

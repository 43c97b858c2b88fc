"""Bearer tokens: which are taken, and that nothing else is."""

import base64
import hmac
from collections.abc import Mapping

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.jwt.settings import JwtSettings, JwtSettingsError
from domain.identity.errors import CredentialExpiredError, CredentialRefusedError
from tests.unit.adapters.jwt.issuer import (
    CURVE,
    EDWARDS,
    NOW,
    RSA,
    STRANGER,
    Claims,
    Issuer,
    by_hand,
    claims,
    settings_for,
    token,
)


async def test_a_good_token_says_who_calls(issuer: Issuer) -> None:
    verified = await issuer.verifier.verify(token())

    assert (verified.subject, verified.tenant) == ("ada", "acme")
    assert verified.roles == {"member"}
    assert verified.scopes == {"conversation:*", "tools:execute"}
    assert verified.seconds == 90


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


def test_shared_secrets_cannot_be_switched_on() -> None:
    with pytest.raises(JwtSettingsError):
        JwtSettings(issuer="i", audience="a", keys="k", algorithms=frozenset({"HS256"}))
    with pytest.raises(JwtSettingsError):
        settings_for("keys", issuer="")

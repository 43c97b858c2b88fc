"""The issuer's keys: where they come from, how long they serve, how often they are read."""

import json
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from jwt.algorithms import OKPAlgorithm

from adapters.inmemory.durable_clock import InMemoryClock
from adapters.jwt.settings import JwtSettingsError
from adapters.jwt.verifier import JwtVerifier
from domain.identity.errors import CredentialRefusedError, IssuerUnavailableError
from tests.fakes import StoppedClock
from tests.unit.adapters.jwt.issuer import (
    EDWARDS,
    NOW,
    STRANGER,
    Issuer,
    claims,
    key_set,
    settings_for,
    token,
)


async def test_without_a_name_only_a_sole_key_is_taken(issuer: Issuer) -> None:
    nameless = token(headers={})
    with pytest.raises(CredentialRefusedError):
        await issuer.verifier.verify(nameless)

    sole = OKPAlgorithm.to_jwk(EDWARDS.public_key(), as_dict=True)
    issuer.file.write_bytes(json.dumps({"keys": [sole]}).encode())

    fresh = JwtVerifier(settings_for(str(issuer.file)), issuer.clock, InMemoryClock(issuer.clock))
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
    verifier = JwtVerifier(
        settings_for(f"{server}/keys"), StoppedClock(), InMemoryClock(StoppedClock())
    )

    assert (await verifier.verify(token())).subject == "ada"


@pytest.mark.parametrize("path", ["/moved", "/broken"])
async def test_a_server_that_sends_elsewhere_or_fails_gives_no_keys(server: str, path: str) -> None:
    verifier = JwtVerifier(
        settings_for(server + path), StoppedClock(), InMemoryClock(StoppedClock())
    )

    with pytest.raises(IssuerUnavailableError):
        await verifier.verify(token())


async def test_a_server_that_is_not_there_gives_no_keys() -> None:
    verifier = JwtVerifier(
        settings_for("http://127.0.0.1:9/keys"), StoppedClock(), InMemoryClock(StoppedClock())
    )

    with pytest.raises(IssuerUnavailableError):
        await verifier.verify(token())


@pytest.mark.parametrize(
    "keys",
    ["http://issuer.example/keys", "ftp://127.0.0.1/keys", "file:///keys", "https:///keys"],
)
def test_keys_do_not_come_from_just_anywhere(keys: str) -> None:
    with pytest.raises(JwtSettingsError):
        JwtVerifier(settings_for(keys), StoppedClock(), InMemoryClock(StoppedClock()))

"""What settings must be together: what a profile needs, and what mode prod forbids."""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final
from urllib.parse import urlsplit

from entrypoints.settings.delivery import KafkaSettings, Security
from entrypoints.settings.sections import LoginSettings
from entrypoints.settings.settings import Settings
from entrypoints.settings.values import NO_FILE, Mode, Profile, host_of, is_loopback

_PASSWORD: Final = re.compile(r"://[^/@]*:[^/@]*@|(^|\s|[?&])password=")
_ENCRYPTED: Final = re.compile(r"sslmode=(require|verify-ca|verify-full)\b")
_SASL: Final = (Security.SASL_PLAINTEXT, Security.SASL_TLS)
_READABLE: Final = (Security.PLAINTEXT, Security.SASL_PLAINTEXT)
_LOCAL: Final = re.compile(r"//([^/@]*@)?(localhost|127\.\d+\.\d+\.\d+|\[::1\])?([:/]|$)|host=/")


def problems_of(settings: Settings, origins: Mapping[str, str]) -> list[str]:
    """Every reason not to start with these settings, each with what to do about it."""
    found = chain(
        _contradictions(settings),
        _of_times(settings),
        _of_standard(settings),
        _for_tests_alone(settings),
    )
    if settings.mode is Mode.PROD:
        found = chain(found, _insecure(settings), _over_http(settings), _unset(settings, origins))
    return list(found)


def _contradictions(settings: Settings) -> Iterator[str]:
    server = settings.server
    if server.tls.on and server.tls.key is None:
        yield "server.tls.key: a certificate needs its key; set it to a secret reference"
    if not server.tls.on and (server.tls.key or server.tls.client_ca_file != NO_FILE):
        yield "server.tls.certificate_file: the rest of TLS needs it; set it, or remove that"
    if server.workers > 1 and server.address.endswith(":0"):
        yield "server.address: port 0 is another one for each worker; name the port they share"
    if server.channelz and not is_loopback(host_of(server.channelz_address)):
        yield "server.channelz_address: shows every connection; take a loopback address"
    if bool(settings.identity.jwks) != bool(settings.identity.issuer):
        yield "identity: tokens need both issuer and jwks; set both or neither"
    yield from _of_kafka(settings.kafka)
    for name, login in _logins(settings):
        if _PASSWORD.search(login.url):
            yield (
                f"database.{name}.url: holds a password; put it into the secret store and set "
                f"database.{name}.password to its reference"
            )


def _of_times(settings: Settings) -> Iterator[str]:
    """Intervals that cannot do what they are for. Leases are renewed when a third is over."""
    for path, interval, of, lease in (
        (
            "turns.keep_interval_seconds",
            settings.turns.keep_interval_seconds,
            "turns.lease_seconds",
            settings.turns.lease_seconds,
        ),
        (
            "relay.poll_seconds",
            settings.relay.poll_seconds,
            "relay.lease_seconds",
            settings.relay.lease_seconds,
        ),
    ):
        if interval > lease / 3:
            yield (
                f"{path}: {interval:g} s is more than a third of {of} ({lease:g} s), which could "
                f"end before it is renewed; take {lease / 3:.2g} s or less, or a longer lease"
            )
    terms = settings.reconciliation
    if terms.recent_seconds < terms.interval_seconds:
        yield (
            f"reconciliation.recent_seconds: {terms.recent_seconds:g} s is less than "
            f"reconciliation.interval_seconds ({terms.interval_seconds:g} s): what happens between "
            "two looks would be in neither; take a longer time"
        )


def _for_tests_alone(settings: Settings) -> Iterator[str]:
    if settings.mode is Mode.TEST:
        return
    laboratory, mode = settings.laboratory, settings.mode.value
    for name, wanted in (
        ("failpoints", bool(laboratory.failpoints)),
        ("clock_offset_seconds", laboratory.clock_offset_seconds != 0),
    ):
        if wanted:
            yield f"laboratory.{name}: for mode test alone, and this is mode {mode}; remove it"


def _of_kafka(kafka: KafkaSettings) -> Iterator[str]:
    if kafka.security in _SASL and not (kafka.username and kafka.password):
        yield "kafka.username: SASL needs it with kafka.password; set both, or another security"
    if kafka.security not in _SASL and (kafka.username or kafka.password):
        yield "kafka.security: username and password are of SASL; take sasl_tls, or remove them"
    if kafka.consumers.enabled and not kafka.bootstrap_servers:
        yield "kafka.bootstrap_servers: kafka.consumers.enabled needs it; set it, or disable them"
    if kafka.ca_file != NO_FILE and kafka.security in _READABLE:
        yield "kafka.ca_file: is of TLS; take security tls or sasl_tls, or remove it"


def _of_standard(settings: Settings) -> Iterator[str]:
    if settings.profile is not Profile.STANDARD:
        return
    for name, login in _logins(settings):
        if name != "owner" and not login.url:
            yield (
                f"database.{name}.url: profile standard needs it; set it as in "
                f"`postgresql://somagent_{name}@host/somagent`"
            )


def _insecure(settings: Settings) -> Iterator[str]:
    server = settings.server
    if not server.tls.on and not is_loopback(host_of(server.address)):
        yield (
            "server.tls.certificate_file: mode prod serves no plaintext beyond this machine; set "
            "it with server.tls.key, or listen on a loopback address behind a proxy that does TLS"
        )
    for name, login in _logins(settings):
        if login.url and not _LOCAL.search(login.url) and not _ENCRYPTED.search(login.url):
            yield (
                f"database.{name}.url: the connection may be read on its way; add "
                "`sslmode=verify-full`"
            )
    kafka = settings.kafka
    if kafka.security in _READABLE and not all(
        is_loopback(host_of(one.strip())) for one in kafka.bootstrap_servers.split(",") if one
    ):
        yield "kafka.security: events could be read on their way; take tls or sasl_tls"


def _over_http(settings: Settings) -> Iterator[str]:
    """What is asked over HTTP and could be read, or changed, on its way."""
    telemetry = settings.telemetry
    carriers = [
        (f"providers.{number}.base_url", str(provider.base_url), provider.api_key)
        for number, provider in enumerate(settings.providers)
    ]
    carriers.append(("telemetry.otlp_endpoint", telemetry.otlp_endpoint, telemetry.otlp_headers))
    for path, url, secret in carriers:
        if secret and _in_the_clear(url):
            yield f"{path}: would send a secret in the clear; take an https URL"
    for number, tool in enumerate(settings.tools.http):
        for name, url in (("url", str(tool.url)), ("status_url", tool.status_url)):
            if _in_the_clear(url):
                yield (
                    f"tools.http.{number}.{name}: arguments and results could be read on their "
                    "way; take an https URL"
                )
    if _in_the_clear(settings.identity.jwks):
        yield "identity.jwks: keys that anybody could replace on their way; take an https URL"


def _unset(settings: Settings, origins: Mapping[str, str]) -> Iterator[str]:
    """Keys that the service would make for itself: good for a try, not for what must last."""
    for path, reference in (
        ("receipts.signing_key", settings.receipts.signing_key),
        ("secrets.paging_key", settings.secrets.paging_key),
    ):
        if path not in origins:
            yield (
                f"{path}: mode prod makes no keys of its own; put a key into the secret store and "
                f'name it here, as in "{reference}"'
            )


def _logins(settings: Settings) -> Iterator[tuple[str, LoginSettings]]:
    database = settings.database
    yield "owner", database.owner
    yield "request", database.request
    yield "writer", database.writer


def _in_the_clear(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")

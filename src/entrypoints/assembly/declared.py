"""Whether the program takes, and has, what its settings declare and name."""

from collections.abc import Iterator
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLContext

from adapters.failpoints.failpoints import Failpoints
from adapters.failpoints.orders import UnknownFailpointError
from adapters.schema.arguments import JsonSchemaArguments
from domain.kernel.errors import InvalidArgumentError
from entrypoints.assembly.own_tools import OWN_TOOLS
from entrypoints.settings.settings import Settings
from entrypoints.settings.tools import ToolSettings
from entrypoints.settings.values import NO_FILE


def problems_of_declared(settings: Settings) -> list[str]:
    """Every reason not to start with them that settings alone do not show, with what to do."""
    return [
        *_of_tools(settings.tools),
        *_of_files(settings),
        *_of_authority(settings.kafka.ca_file),
        *_of_failpoints(settings),
    ]


def _of_tools(tools: ToolSettings) -> Iterator[str]:
    checker = JsonSchemaArguments()
    for number, tool in enumerate(tools.http):
        if tool.name in OWN_TOOLS:
            yield (
                f"tools.http.{number}.name: the service has a tool {tool.name} of its own; take "
                "another name"
            )
        try:
            checker.admit(tool.input_schema)
        except InvalidArgumentError as refused:
            said = "; ".join(one.description for one in refused.violations)
            yield f"tools.http.{number}.input_schema: {said}; write a JSON Schema of an object"


def _of_files(settings: Settings) -> Iterator[str]:
    tls, local = settings.server.tls, settings.local_model
    named = [
        ("server.tls.certificate_file", tls.certificate_file, "to serve plaintext"),
        ("server.tls.client_ca_file", tls.client_ca_file, "to ask clients for no certificate"),
        ("kafka.ca_file", settings.kafka.ca_file, "for the system's"),
    ]
    if local.enabled:
        named.append(("local_model.weights_file", local.weights_file, "for those installed beside"))
    for path, file, without in named:
        if file != NO_FILE and not file.is_file():
            yield f"{path}: there is no file {file}; name one, or remove it {without}"


def _of_authority(file: Path) -> Iterator[str]:
    if not file.is_file():
        return
    try:
        SSLContext(PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except OSError as refused:
        yield f"kafka.ca_file: no certificate is read in {file} ({refused}); name PEM"


def _of_failpoints(settings: Settings) -> Iterator[str]:
    try:
        Failpoints.of(settings.laboratory.failpoints)
    except UnknownFailpointError as refused:
        yield f"laboratory.failpoints: {refused}"

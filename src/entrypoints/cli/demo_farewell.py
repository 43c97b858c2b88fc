"""The lines to go on with after the demonstration, ready to be copied."""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import orjson

from application.kernel.ports import Json
from entrypoints.cli.screen import Screen

_CONVERSATION = "somagent.conversation.v1.ConversationService"
_PROVENANCE = "somagent.provenance.v1.ProvenanceService"


@dataclass(frozen=True, slots=True, kw_only=True)
class Farewell:
    """What the demonstration has made. Without `serving` a server must be started first."""

    address: str
    key: str
    session: str
    turn: str
    record: str
    receipt: Path
    request_id: str
    serving: bool


def show_farewell(screen: Screen, farewell: Farewell) -> None:
    program = program_name()
    screen.say()
    screen.say("Go on with", "bold")
    if not farewell.serving:
        screen.say(f"  {program} serve")
    screen.say(f"  {program} chat {farewell.session}")
    screen.say(f"  {program} turn show {farewell.turn}")
    screen.say(f"  {program} receipt verify {shlex.quote(str(farewell.receipt))}")
    screen.say()
    screen.say("or with any gRPC client (`make engines` fetches grpcurl)", "bold")
    for line in grpcurl_lines(farewell):
        screen.say(f"  {line}")


def grpcurl_lines(farewell: Farewell) -> list[str]:
    """One call a line; the message has its request id, so that repeating it changes nothing."""
    message: Json = {
        "session": farewell.session,
        "text": "How much is 144 / 12?",
        "request_id": farewell.request_id,
    }
    return [
        f"export KEY={farewell.key}",
        f"grpcurl -plaintext {farewell.address} list",
        _call(farewell, f"{_CONVERSATION}/ProcessMessage", message),
        _call(
            farewell,
            f"{_CONVERSATION}/WatchTurn",
            {"name": farewell.turn, "after_sequence": 3},
        ),
        _call(farewell, f"{_CONVERSATION}/GetDecisionTrace", {"name": farewell.turn}),
        _call(farewell, f"{_PROVENANCE}/GetReceipt", {"name": farewell.record}),
    ]


def program_name() -> str:
    """How this program is called from here."""
    if which("somagent"):
        return "somagent"
    path = Path(sys.argv[0])
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _call(farewell: Farewell, method: str, request: Json) -> str:
    content = shlex.quote(orjson.dumps(request).decode())
    header = '-H "authorization: Bearer $KEY"'
    return f"grpcurl -plaintext {header} -d {content} {farewell.address} {method}"

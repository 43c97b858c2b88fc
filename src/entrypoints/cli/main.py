"""The command line: its commands, and how each of them ends."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from domain.kernel.errors import DomainError
from entrypoints.cli import (
    capsule,
    config,
    deadletters,
    events,
    keys,
    receipt,
    secrets,
    tenants,
    tools,
    topics,
    turn,
)
from entrypoints.cli.chat import chat
from entrypoints.cli.demo import demo
from entrypoints.cli.doctor import doctor
from entrypoints.cli.failure import CommandFailedError, ExitCode
from entrypoints.cli.reconcile import reconcile
from entrypoints.cli.serve import consume, migrate, relay, serve
from entrypoints.failure import StartError

app = typer.Typer(
    name="somagent",
    help="A governed, multi-tenant agent runtime over gRPC.",
    epilog=(
        "Exit codes: 0 done, 1 failed here, 2 wrong usage, 3 refused by the server, 4 no server "
        "answers, 5 checked and found wrong, 6 the turn was not answered, 130 interrupted."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help is there in half the time
)


@dataclass(slots=True)
class Invocation:
    """What holds for every command of one call."""

    debug: bool = False


@app.callback()
def somagent(
    context: typer.Context,
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where in the code a failure came from.")
    ] = False,
) -> None:
    context.ensure_object(Invocation).debug = debug


app.command()(demo)
app.command()(serve)
app.command()(relay)
app.command()(consume)
app.command()(migrate)
app.command()(chat)
app.add_typer(turn.app, name="turn")
app.command()(doctor)
app.command()(reconcile)
app.add_typer(config.app, name="config")
app.add_typer(receipt.app, name="receipt")
app.add_typer(capsule.app, name="capsule")
app.add_typer(tenants.app, name="tenants")
app.add_typer(keys.app, name="keys")
app.add_typer(deadletters.app, name="deadletters")
app.add_typer(events.app, name="events")
app.add_typer(tools.app, name="tools")
app.add_typer(secrets.app, name="secrets")
app.add_typer(topics.app, name="topics")


def main() -> None:
    raise SystemExit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; why it failed is on standard error."""
    invocation = Invocation()
    if "--debug" not in arguments:
        # Before gRPC is there: its own lines about connections would stand between the answer's.
        os.putenv("GRPC_VERBOSITY", "NONE")
    try:
        app(args=list(arguments), obj=invocation)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read has seen enough; the interpreter's last flush must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except Exception as error:
        if invocation.debug:
            raise
        failure = _failure_of(error)
        _tell(failure, json="--json" in arguments)
        return failure.code
    return ExitCode.DONE


def _failure_of(error: Exception) -> CommandFailedError:
    match error:
        case CommandFailedError():
            return error
        case StartError():
            return CommandFailedError(f"{error.step}: {error.what}", error.advice)
        case DomainError():
            return CommandFailedError(
                "\n".join(
                    [str(error), *(f"  {one.field}: {one.description}" for one in error.violations)]
                ),
                reason=error.reason,
                facts=error.facts,
            )
        case _:
            return CommandFailedError(
                f"a defect of this program: {type(error).__name__}: {error}",
                "run it again with `somagent --debug …` and report what it shows",
            )


def _tell(failure: CommandFailedError, *, json: bool) -> None:
    """Why a command failed; on a screen of its own, since the command's may not be there yet."""
    from entrypoints.cli.screen import Screen, printable  # noqa: PLC0415 - only failures pay for it

    screen = Screen.standard(json=json)
    if screen.json:
        import orjson  # noqa: PLC0415 - as above

        content = {
            "error": {
                "reason": failure.reason,
                "message": failure.what,
                "advice": failure.advice,
                "facts": failure.facts,
                "exit_code": int(failure.code),
            }
        }
        screen.err.file.write(orjson.dumps(content).decode() + "\n")
        return
    reason = f"{failure.reason}: " if failure.reason else ""
    screen.note(f"{reason}{printable(failure.what)}", "bold red")
    if failure.advice:
        screen.note(failure.advice, "")


if __name__ == "__main__":
    main()

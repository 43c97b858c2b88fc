"""The options of commands that call a server, and what they come to: each written once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import update_wrapper
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypedDict, cast

from entrypoints.cli.options import Address, Authority, Key, Plaintext

if TYPE_CHECKING:
    from entrypoints.cli.client import Target
    from entrypoints.cli.remembered import Remembered

# ruff: noqa: PLC0415 - help must not wait for gRPC

P = ParamSpec("P")


class _Given(TypedDict):
    address: str
    key: str
    authority: Path | None
    plaintext: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Which server a command calls and with which key, as its options say."""

    address: Address = ""
    key: Key = ""
    authority: Authority = None
    plaintext: Plaintext = False

    @property
    def remembered(self) -> "Remembered":
        """What stands for options that are not given."""
        from entrypoints.cli.remembered import memory_path, recall

        return recall(memory_path())

    def target(self, *, administering: bool = False) -> "Target":
        """Raises: CommandFailedError: The file of the authority cannot be read."""
        from entrypoints.cli.connecting import target_of

        return target_of(
            self.remembered,
            address=self.address,
            key=self.key,
            plaintext=self.plaintext,
            authority=self.authority,
            administering=administering,
        )


def calling(command: Callable[Concatenate[Server, P], None]) -> Callable[P, None]:
    """A command that is given its server, for Typer: with the server's options after its own.

    Typer makes options of what it reads in a signature, so these are put into it.
    """
    _, *own = signature(command, eval_str=True).parameters.values()
    of_server = [
        one.replace(kind=Parameter.KEYWORD_ONLY) for one in signature(Server).parameters.values()
    ]
    parameters = (*own, *of_server)

    def called(*args: P.args, **kwargs: P.kwargs) -> None:
        given = {one.name: kwargs.pop(one.name) for one in of_server}
        command(Server(**cast("_Given", given)), *args, **kwargs)

    update_wrapper(called, command)
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    called.__dict__["__signature__"] = Signature(parameters)
    return called

"""Commands that call a server have its options, and are given what they say."""

from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from entrypoints.cli.calling import Server, calling


@pytest.fixture
def program() -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @calling
    def greet(
        server: Server, name: str, *, loud: Annotated[bool, typer.Option("--loud")] = False
    ) -> None:
        """Say hello."""
        typer.echo(f"{name} {loud} {server.address} {server.key} {server.authority}")
        typer.echo(f"{server.plaintext}")

    return app


def test_the_options_of_the_server_stand_beside_those_of_the_command(program: typer.Typer) -> None:
    arguments = ["ada", "--loud", "--address", "here:1", "--key", "sk_1", "--ca", "a.pem"]

    shown = CliRunner().invoke(program, arguments, env={"SOMA_API_KEY": "", "SOMA_ADDRESS": ""})

    assert shown.output.split() == ["ada", "True", "here:1", "sk_1", str(Path("a.pem")), "False"]


def test_they_may_come_from_the_environment_or_not_at_all(program: typer.Typer) -> None:
    shown = CliRunner().invoke(
        program, ["ada", "--plaintext"], env={"SOMA_API_KEY": "sk_2", "SOMA_ADDRESS": "there:2"}
    )

    assert shown.output.split() == ["ada", "False", "there:2", "sk_2", "None", "True"]


def test_the_command_is_described_as_it_was_written(program: typer.Typer) -> None:
    shown = CliRunner().invoke(program, ["--help"]).output

    assert "Say hello." in shown
    assert all(option in shown for option in ("--address", "--key", "--ca", "--plaintext"))
    assert "--server" not in shown


def test_a_target_is_what_was_given() -> None:
    server = Server(address="example.org:443", key="sk_3", plaintext=True)

    target = server.target()

    assert (target.address, target.key, target.plaintext) == ("example.org:443", "sk_3", True)

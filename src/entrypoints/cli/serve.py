"""The commands that run the service: serve, relay, consume and migrate."""

# ruff: noqa: PLC0415 - each command brings what it needs: help must not wait for the service
from typing import Annotated

import typer

from entrypoints.cli.options import Config, HttpAddress, JsonFlag, Profile


def serve(
    config: Config = None,
    workers: Annotated[
        int, typer.Option(help="Server processes on the one port; unset: as set.", min=0)
    ] = 0,
    profile: Profile = None,
) -> None:
    """Serve the gRPC API until SIGTERM or Ctrl-C.

    Turns that run may end first; those that do not are cancelled.
    """
    from entrypoints.cli.configuring import loaded, overrides
    from entrypoints.cli.screen import Screen
    from entrypoints.cli.steps import Steps
    from entrypoints.serve import run

    settings = loaded(config, overrides(profile=profile, workers=workers)).settings
    with Steps(Screen.of_errors()) as steps:
        run(settings, steps.ignore if settings.logs_json else steps.report)


def relay(config: Config = None, profile: Profile = None, http_address: HttpAddress = "") -> None:
    """Publish committed events until SIGTERM or Ctrl-C, and serve no clients.

    Any number may run, beside servers that relay and those that do not (relay.enabled); of
    several on one machine each needs an --http-address of its own.
    """
    from entrypoints.cli.configuring import loaded, overrides
    from entrypoints.cli.screen import Screen
    from entrypoints.cli.steps import Steps
    from entrypoints.relay import run

    settings = loaded(config, overrides(profile=profile, relay_address=http_address)).settings
    with Steps(Screen.of_errors()) as steps:
        run(settings, steps.ignore if settings.logs_json else steps.report)


def consume(config: Config = None, profile: Profile = None, http_address: HttpAddress = "") -> None:
    """Take messages of other systems until SIGTERM or Ctrl-C, and serve no clients.

    Any number may run, beside servers that consume and those that do not (kafka.consumers.enabled).
    Turns that run may end first, as a server's. Of several on one machine each needs an
    --http-address of its own.
    """
    from entrypoints.cli.configuring import loaded, overrides
    from entrypoints.cli.screen import Screen
    from entrypoints.cli.steps import Steps
    from entrypoints.consume import run

    settings = loaded(config, overrides(profile=profile, consumer_address=http_address)).settings
    with Steps(Screen.of_errors()) as steps:
        run(settings, steps.ignore if settings.logs_json else steps.report)


def migrate(config: Config = None, profile: Profile = None, *, json: JsonFlag = False) -> None:
    """Bring the database's schema up to date. Safe to repeat, and to run twice at once."""
    from entrypoints.cli.configuring import loaded, overrides
    from entrypoints.cli.screen import Screen
    from entrypoints.cli.steps import Steps
    from entrypoints.migrate import run_migration

    settings = loaded(config, overrides(profile=profile)).settings
    with Steps(Screen.of_errors()) as steps:
        run_migration(settings, steps.ignore if json else steps.report)
    if json:
        Screen.standard(json=True).emit({"migrated": True})

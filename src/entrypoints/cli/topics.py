"""Commands about the topics that events are published to."""

# ruff: noqa: PLC0415 - each command brings what it needs: help must not wait for Kafka
import typer

from entrypoints.cli.options import Config, JsonFlag

app = typer.Typer(help="Make the topics of a broker (for operators).", no_args_is_help=True)


@app.command()
def create(config: Config = None, *, json: JsonFlag = False) -> None:
    """Make the topics that are missing, as the settings under `kafka` say. Safe to repeat."""
    import asyncio

    from domain.delivery.errors import PublisherAwayError
    from entrypoints.assembly.delivery import create_topics
    from entrypoints.assembly.secrets import SecretKeeper
    from entrypoints.cli.configuring import loaded
    from entrypoints.cli.failure import CommandFailedError, ExitCode
    from entrypoints.cli.screen import Screen

    settings = loaded(config).settings
    if not settings.kafka.bootstrap_servers:
        raise CommandFailedError(
            "kafka.bootstrap_servers is not set", "name the brokers in the settings"
        )
    try:
        made = asyncio.run(create_topics(settings, SecretKeeper(settings)))
    except PublisherAwayError as away:
        raise CommandFailedError(
            f"the topics cannot be made: {away.facts['cause']}",
            "`somagent doctor` shows how the broker does; repeat it then",
            code=ExitCode.UNREACHABLE,
            reason=away.reason,
            facts=away.facts,
        ) from away
    screen = Screen.standard(json=json)
    if screen.json:
        screen.emit({"created": list(made)})
    else:
        screen.say("\n".join(f"{name} created" for name in made) or "all topics are there", "green")

"""Commands about settings."""

# ruff: noqa: PLC0415 - each command brings what it needs: help must not wait for pydantic
import sys
from typing import Annotated

import typer

from entrypoints.cli.options import Config, JsonFlag

app = typer.Typer(help="Explain the settings.", no_args_is_help=True)


@app.command()
def check(
    config: Config = None,
    *,
    changed: Annotated[bool, typer.Option("--changed", help="Leave out the defaults.")] = False,
    json: JsonFlag = False,
) -> None:
    """Show every setting as it holds and where it came from. Ends with 5 when they are refused."""
    from rich.text import Text

    from entrypoints.cli.configuring import loaded
    from entrypoints.cli.screen import Screen
    from entrypoints.settings.explanation import DEFAULT, explain

    found = loaded(config)
    settings = [one for one in explain(found) if not changed or one.source != DEFAULT]
    screen = Screen.standard(json=json)
    if screen.json:
        screen.emit(
            {
                "file": str(found.file) if found.file else None,
                "settings": [
                    {
                        "key": one.key,
                        "value": one.value,
                        "unit": one.unit,
                        "source": one.source,
                        "meaning": one.meaning,
                    }
                    for one in settings
                ],
            }
        )
        return
    table = screen.table("", ("setting", "value", "from"))
    for one in settings:
        value = f"{one.value} {one.unit}".strip()
        table.add_row(
            Text(one.key), Text(value), one.source, style="dim" if one.source == DEFAULT else None
        )
    if settings:
        screen.show(table)
    screen.say(f"the settings hold; file: {found.file or 'none'}", "green")


@app.command()
def reference() -> None:
    """Print docs/configuration.md: every setting, its unit, default and meaning."""
    from entrypoints.settings.explanation import reference as text

    sys.stdout.write(text())

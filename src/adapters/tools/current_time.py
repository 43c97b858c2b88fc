"""The tool `current_time`: what time it is somewhere."""

from typing import Final, final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from adapters.tools.native_tool import Arguments, schema_text, text_of
from application.kernel.ports import Clock, Json
from application.tools.ports import ToolContext
from domain.tools.errors import ToolFailedError
from domain.tools.tool import Tool

TOOL: Final = Tool(
    name="current_time",
    description="Tells the date and time now, in a time zone (UTC unless named).",
    schema=schema_text(
        {
            "zone": {
                "type": "string",
                "description": "An IANA time zone, for example Europe/Berlin.",
                "pattern": "^[A-Za-z]+(/[A-Za-z0-9_+-]+){0,2}$",
                "maxLength": 48,
            }
        }
    ),
    idempotent=True,
)


@final
class CurrentTime:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @property
    def tool(self) -> Tool:
        return TOOL

    async def run(self, arguments: Arguments, _context: ToolContext) -> Json:
        """The time as ISO 8601 with its offset, and what people call the day and the zone."""
        zone = _zone(text_of(arguments, "zone", "UTC"))
        now = self._clock.now().astimezone(zone)
        return {
            "time": now.isoformat(timespec="seconds"),
            "zone": zone.key,
            "weekday": _WEEKDAYS[now.weekday()],
        }


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        cause = f"there is no time zone {name[:48]!r}; write one as Europe/Berlin or UTC"
        raise ToolFailedError(TOOL.name, cause) from unknown


_WEEKDAYS: Final = (
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
)

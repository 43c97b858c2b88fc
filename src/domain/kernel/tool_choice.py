"""What a model may or must do with its tools."""

from dataclasses import dataclass
from enum import StrEnum


class ToolChoiceMode(StrEnum):
    AUTO = "auto"
    NONE = "none"
    REQUIRED = "required"
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """What a model may or must do with its tools; `tool` is set when the mode is named."""

    mode: ToolChoiceMode = ToolChoiceMode.AUTO
    tool: str = ""

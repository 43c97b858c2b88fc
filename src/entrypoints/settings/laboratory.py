"""What may be set in mode test alone: how a server is made to fail, and its clock to be wrong."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from entrypoints.settings.values import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratorySettings:
    """For the crash laboratory: refused in every mode but `test`."""

    failpoints: Annotated[
        Text,
        Field(
            description="Named steps and what happens there, as in `journal.finish.before=kill@3, "
            "model.stream.first=stop`: kill, stop, hang, error or note, at that pass of the step; "
            "`*` stands for every step."
        ),
    ] = ""
    clock_offset_seconds: Annotated[
        float,
        Field(ge=-1e6, le=1e6, description="How far this server's clock is ahead of the host's."),
    ] = 0.0

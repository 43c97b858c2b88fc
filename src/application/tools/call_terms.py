"""A capsule's rules for calls that clients make by themselves."""

from dataclasses import dataclass
from typing import Final, Self

from application.capsule.load_capsule import LoadedCapsule
from domain.capsule.knob import Egress, ToolApproval
from domain.capsule.manifest import AllowList
from domain.kernel.identifiers import CapsuleVersionId
from domain.tools.tool import Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTerms:
    """Which tools a capsule allows, and which wait for a person."""

    capsule: str = ""
    version: CapsuleVersionId | None = None
    allow: AllowList | None = None
    approval: ToolApproval = ToolApproval.NONE
    egress: Egress = Egress.UNRESTRICTED

    @classmethod
    def of(cls, loaded: LoadedCapsule) -> Self:
        manifest = loaded.capsule.manifest
        return cls(
            capsule=manifest.name,
            version=loaded.capsule.id,
            allow=manifest.tools.allow,
            approval=loaded.settings.tool_approval,
            egress=loaded.settings.egress_allowed,
        )

    def allows(self, tool: str) -> bool:
        return self.allow is None or self.allow.allows(tool)

    def waits(self, tool: Tool) -> bool:
        dangerous = self.approval is ToolApproval.DANGEROUS and tool.dangerous
        return dangerous or self.approval is ToolApproval.ALL


NO_CAPSULE: Final = CallTerms()
"""The rules for a call that names no capsule: there are none."""

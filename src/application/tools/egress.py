"""Whether a capsule lets a tool send anything out."""

from domain.capsule.knob import Egress
from domain.tools.errors import ToolEgressDeniedError
from domain.tools.tool import Tool


def check_egress(egress: Egress, tool: Tool) -> None:
    """Check a tool that reaches another host.

    The hosts that `allowlist` means are those of the tools that the operator has configured, and no
    tool reaches any other: every egress but `none` admits them.

    Raises:
        ToolEgressDeniedError: The capsule lets nothing out.
    """
    if tool.host and egress is Egress.NONE:
        raise ToolEgressDeniedError(tool.name, tool.host)

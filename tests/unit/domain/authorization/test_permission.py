"""The permissions are those that the contract names, and the two of a turn."""

import re
from pathlib import Path
from typing import Final

from domain.authorization.permission import Permission

PROTO: Final = Path(__file__).parents[4] / "proto" / "somagent"
OF_A_TURN: Final = {Permission.MODEL_USE, Permission.TOOL_USE}


def test_every_method_names_a_permission_that_exists_and_none_is_left_over() -> None:
    named = {
        name
        for path in PROTO.rglob("*.proto")
        for name in re.findall(r'\.v1\.permission\) = "([^"]+)"', path.read_text())
    }

    assert named == set(Permission) - OF_A_TURN

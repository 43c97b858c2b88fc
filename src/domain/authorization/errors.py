"""Refusals of the authorization context."""

from domain.kernel.errors import ForbiddenError


class PermissionDeniedError(ForbiddenError):
    reason = "PERMISSION_DENIED"

    def __init__(self, permission: str, rule: str, why: str) -> None:
        super().__init__(f"{permission} is denied: {why or rule}", permission=permission, rule=rule)

"""What the authorization use cases need from the outside world."""

from typing import Protocol

from domain.authorization.decision import Decision
from domain.kernel.principal import Principal


class Authorizer(Protocol):
    """Who may do what. It denies by default, and whoever asks takes an error for a denial."""

    async def decide(self, principal: Principal, permission: str, resource: str) -> Decision:
        """Decide whether a principal has a permission on a resource, named as on the wire.

        `tenants/acme/sessions/1` is a resource of the tenant acme; `tools/{tool}` and
        `capabilities/{capability}` are what the service offers to the caller's tenant; an empty
        name is the service as a whole.
        """
        ...

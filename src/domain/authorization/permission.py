"""Every permission there is, by name."""

from enum import StrEnum


class Permission(StrEnum):
    """`context:act`. The methods of the API name theirs by an option; the last two are a turn's."""

    CONVERSATION_CREATE_SESSION = "conversation:create_session"
    CONVERSATION_READ = "conversation:read"
    CONVERSATION_SEND_MESSAGE = "conversation:send_message"
    CONVERSATION_CANCEL_TURN = "conversation:cancel_turn"
    CONVERSATION_SUBMIT_FEEDBACK = "conversation:submit_feedback"
    CONVERSATION_DELETE_SESSION = "conversation:delete_session"
    TOOLS_EXECUTE = "tools:execute"
    TOOLS_READ = "tools:read"
    TOOLS_APPROVE = "tools:approve"
    TOOLS_RESOLVE = "tools:resolve"
    BUDGET_RESERVE = "budget:reserve"
    BUDGET_READ = "budget:read"
    BUDGET_SET_LIMIT = "budget:set_limit"
    CAPABILITY_REGISTER = "capability:register"
    CAPABILITY_READ = "capability:read"
    CAPABILITY_SELECT = "capability:select"
    PROVENANCE_RECORD = "provenance:record"
    PROVENANCE_READ = "provenance:read"
    CAPSULE_WRITE = "capsule:write"
    CAPSULE_ACTIVATE = "capsule:activate"
    CAPSULE_REVOKE = "capsule:revoke"
    CAPSULE_READ = "capsule:read"
    MEMORY_WRITE = "memory:write"
    MEMORY_READ = "memory:read"
    MEMORY_FORGET = "memory:forget"
    TENANCY_CREATE_TENANT = "tenancy:create_tenant"
    TENANCY_READ = "tenancy:read"
    TENANCY_MANAGE_KEYS = "tenancy:manage_keys"
    OPERATIONS_READ = "operations:read"
    OPERATIONS_STOP = "operations:stop"
    OPERATIONS_REPLAY = "operations:replay"
    OPERATIONS_OPEN_DEAD_LETTER = "operations:open_dead_letter"
    MODEL_USE = "model:use"
    TOOL_USE = "tool:use"

    @property
    def context(self) -> str:
        return self.value.partition(":")[0]

"""What a turn used, as a message of the API."""

from domain.conversation.turn import Usage
from domain.kernel.metering import Metric, list_price_micro_usd
from somagent.conversation.v1 import conversation_pb2


def usage_form(usage: Usage) -> conversation_pb2.Usage:
    cost = (
        list_price_micro_usd(Metric.TOKENS, usage.tokens)
        + list_price_micro_usd(Metric.TOOL_CALLS, usage.tool_calls)
        + list_price_micro_usd(Metric.API_CALLS, usage.api_calls)
    )
    return conversation_pb2.Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        tool_calls=usage.tool_calls,
        api_calls=usage.api_calls,
        estimated=usage.estimated,
        cost_micro_usd=cost,
        provider_cost_micro_usd=usage.provider_cost_micro_usd,
    )

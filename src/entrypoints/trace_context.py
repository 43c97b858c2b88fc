"""The trace that the work of this task belongs to."""

from contextvars import ContextVar
from typing import Final

TRACEPARENT: Final[ContextVar[str]] = ContextVar("traceparent", default="")
"""W3C traceparent of the call that is answered; a turn's driver keeps that of its message."""

"""Any port's adapter, with points before and after its calls."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import wraps
from typing import Final, ParamSpec, TypeVar, cast, final

from adapters.failpoints.catalogue import PORTS
from adapters.failpoints.failpoints import Failpoints

P = ParamSpec("P")
Answer = TypeVar("Answer")
Port = TypeVar("Port")


_NOTHING: Final[Collection[object]] = (0, (), [], {})
"""What a call answers that had nothing to do: 0 is False as well."""

_NOTHING_SWEPT: Final[Collection[object]] = (*_NOTHING, None)
"""What a sweep answers that found nothing; of other calls None is the only answer there is."""


@final
class _WithPoints:
    """Hands everything on; some calls pass their points on the way."""

    __slots__ = ("_adapter", "_calls")

    def __init__(self, adapter: object, calls: Mapping[str, object]) -> None:
        self._adapter = adapter
        self._calls = calls

    def __getattr__(self, name: str) -> object:
        return self._calls[name] if name in self._calls else getattr(self._adapter, name)


def with_points(
    prefix: str, adapter: Port, failpoints: Failpoints, error: Callable[[], Exception]
) -> Port:
    """The adapter, with the points of `PORTS[prefix]`; itself where none of them has an order.

    `error` makes what a call raises where that is ordered: its answer is lost.
    """
    if not failpoints.concern(prefix):
        return adapter
    watched = PORTS[prefix]
    calls = {
        name: _passing(
            f"{prefix}.{name}",
            getattr(adapter, name),
            failpoints,
            error,
            _NOTHING_SWEPT if name in watched.swept else _NOTHING,
        )
        for name in watched.calls()
    }
    # Its methods are those of the adapter, which fits the port.
    return cast("Port", _WithPoints(adapter, calls))


def _passing(
    step: str,
    call: Callable[P, Awaitable[Answer]],
    failpoints: Failpoints,
    error: Callable[[], Exception],
    nothing: Collection[object],
) -> Callable[P, Awaitable[Answer]]:
    @wraps(call)
    async def made(*args: P.args, **kwargs: P.kwargs) -> Answer:
        await failpoints.reach(f"{step}.before", error())
        answer = await call(*args, **kwargs)
        if answer not in nothing:
            await failpoints.reach(f"{step}.after", error())
        return answer

    return made

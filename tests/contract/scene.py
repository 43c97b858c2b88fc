"""A tenant at work: its session, its limit, and looks at what became of them."""

from dataclasses import dataclass

from application.budget.ports import Limit
from domain.budget.account import Account
from domain.conversation.session import SessionQueue
from domain.kernel.identifiers import TurnId
from domain.kernel.metering import Metric
from tests.contract.commands import Commands
from tests.contract.kernel import Kernel, Snapshot


@dataclass(frozen=True, slots=True)
class Scene:
    """A tenant with 1,000 tokens and a session in which two turns may wait."""

    kernel: Kernel
    ask: Commands

    async def snapshot(self) -> Snapshot:
        return await self.kernel.administrator.snapshot(self.ask.tenant_id)

    async def queue(self) -> SessionQueue:
        return (await self.snapshot()).seats[self.ask.session_id]

    async def tokens(self, user: str | None = None) -> tuple[int, int, int]:
        """Spent, held and overrun of this month."""
        return await self.sums(Metric.TOKENS, user)

    async def sums(self, metric: Metric, user: str | None = None) -> tuple[int, int, int]:
        """Spent, held and overrun of this month."""
        account_id = self.ask.account_id(user)
        (usage,) = [
            found
            for found in await self.kernel.budgets.usage(self.ask.tenant_id, account_id, None)
            if found.metric is metric
        ]
        return usage.balance.spent, usage.balance.held, usage.balance.overrun

    async def limit(
        self,
        account: Account,
        amount: int | None,
        metric: Metric = Metric.TOKENS,
        *,
        etag: str = "",
    ) -> Limit:
        return await self.kernel.budgets.set_limit(
            self.ask.tenant_id,
            Limit(account, metric, amount),
            etag=etag,
            request=self.ask.request(),
        )

    async def running(self, amount: int = 100) -> TurnId:
        command = self.ask.accept(self.ask.hold(amount))
        return (await self.kernel.one.journal.accept(command)).turn_id

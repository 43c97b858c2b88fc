"""Seal what was recorded: hash, sign and chain it, on whichever server."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from application.provenance.ports import Chains, SealBell, Signer
from domain.kernel.errors import DomainError
from domain.provenance.chain import ChainSeals, Seal, UnsealedChain, links, signed_bytes

BATCH: Final = 256
"""Records sealed at once: their bodies are what a sealer holds in memory."""

NET_SECONDS: Final = 0.9
"""How long a sealer sleeps at most: a record of a server that cannot wake it waits no longer."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SealRecords:
    """One pass: seal what waits, of all tenants. Any number may run at once, anywhere.

    Servers take turns, so as not to sign the same twice; but nothing rests on that, nor is anything
    locked while signing: the seals of a chain are written only if its head is still the one they
    follow from. Who comes second has lost some signatures and nothing else, and a sealer that dies
    anywhere leaves either all seals of a chain's batch or none.
    """

    chains: Chains
    signer: Signer
    bell: SealBell
    batch: int = BATCH

    async def __call__(self) -> int:
        """How many records had no seal when the pass began: 0 when there is nothing to do.

        Raises:
            StorageUnavailableError: The database does not answer.
        """
        waiting = await self.chains.unsealed(self.batch)
        sealed = [await self._sealed(chain) for chain in waiting]
        written = [seals for seals in sealed if seals.seals]
        if not written:
            return 0
        if any(await self.chains.seal(written)):
            self.bell.seal_written()
        return sum(len(seals.seals) for seals in written)

    async def _sealed(self, chain: UnsealedChain) -> ChainSeals:
        seals = [
            Seal(
                record_id=record.record_id,
                position=record.position,
                previous_hash=previous,
                hash=link,
                key_id=self.signer.key_id,
                algorithm=self.signer.algorithm,
                signature=await self.signer.sign(signed_bytes(link)),
            )
            for record, previous, link in links(chain)
        ]
        return ChainSeals(tenant_id=chain.tenant_id, head=chain.head, seals=tuple(seals))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class KeepSealing:
    """Seal until cancelled: woken by the bell, else after `NET_SECONDS`.

    A refusal (no database) is told to `refused`, and tried again after the same time.
    Cancelling it at any point is safe.
    """

    seal: SealRecords
    bell: SealBell
    refused: Callable[[DomainError], None]

    async def __call__(self) -> None:
        while True:
            try:
                found = await self.seal()
            except DomainError as refusal:
                self.refused(refusal)
                found = 0
            if found < self.seal.batch:
                await self.bell.next_record(NET_SECONDS)

"""Seal what was recorded: hash, sign and chain it, on whichever server."""

from dataclasses import dataclass
from typing import Final, final

from application.provenance.ports import Chains, SealBell, Signer
from domain.provenance.chain import ChainSeals, Seal, UnsealedChain, links, signed_bytes

BATCH: Final = 256
"""Records sealed at once: their bodies are what a sealer holds in memory."""


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
        """How many records it had seals for: as many as a batch holds when more may wait.

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

from hashlib import sha256

from domain.provenance.chain import (
    GENESIS,
    ChainHead,
    Unsealed,
    UnsealedChain,
    link_hash,
    links,
    signed_bytes,
)
from tests.builders import OTHER_TENANT, TENANT
from tests.receipts import record_id


def chain(*positions: int, head: ChainHead | None = None) -> UnsealedChain:
    return UnsealedChain(
        tenant_id=TENANT,
        head=head or ChainHead(),
        records=tuple(
            Unsealed(record_id=record_id(position), position=position, body=b"{}")
            for position in positions
        ),
    )


def test_a_link_is_hashed_as_the_contract_says() -> None:
    content = sha256(b"somagent.record.v1\x00{}").digest()
    place = TENANT.bytes + (7).to_bytes(8, "big") + GENESIS

    link = link_hash(TENANT, 7, GENESIS, b"{}")

    assert link == sha256(b"somagent.chain.v1\x00" + place + content).digest()
    assert signed_bytes(link) == b"somagent.seal.v1\x00" + link


def test_a_link_binds_tenant_position_predecessor_and_content() -> None:
    hashes = {
        link_hash(TENANT, 1, GENESIS, b"{}"),
        link_hash(OTHER_TENANT, 1, GENESIS, b"{}"),
        link_hash(TENANT, 2, GENESIS, b"{}"),
        link_hash(TENANT, 1, b"\x01" * 32, b"{}"),
        link_hash(TENANT, 1, GENESIS, b"[]"),
    }

    assert len(hashes) == 5


def test_each_record_follows_the_one_before() -> None:
    linked = links(chain(1, 2, 3))

    assert [previous for _, previous, _ in linked] == [GENESIS, linked[0][2], linked[1][2]]


def test_a_chain_goes_on_at_its_head() -> None:
    head = ChainHead(4, b"\x04" * 32)

    linked = links(chain(5, head=head))

    assert [previous for _, previous, _ in linked] == [head.hash]


def test_what_follows_a_gap_waits() -> None:
    assert [record.position for record, _, _ in links(chain(1, 2, 4))] == [1, 2]


def test_nothing_is_sealed_that_does_not_follow_the_head() -> None:
    assert links(chain(2, 3)) == ()

"""What the descriptors say of each method."""

from entrypoints.grpc.foreign import not_found
from entrypoints.grpc.methods import methods
from entrypoints.grpc.names import collection_of
from somagent.conversation.v1 import conversation_pb2
from somagent.memory.v1 import memory_pb2

METHODS = methods()


def paths_of(request: str) -> tuple[tuple[str, ...], ...]:
    return METHODS[request].paths


def test_every_method_names_its_permission() -> None:
    assert [method.name for method in METHODS.values() if ":" not in method.permission] == []


def test_the_thing_a_call_is_about_comes_first() -> None:
    assert paths_of("somagent.tools.v1.ExecuteToolRequest") == (
        ("parent",),
        ("capsule",),
        ("session",),
    )
    assert paths_of("somagent.conversation.v1.CreateSessionRequest") == (
        ("parent",),
        ("session", "capsule"),
    )
    assert paths_of("somagent.budget.v1.SettleBudgetRequest") == (("reservation",),)


def test_receipts_to_check_may_be_anyones() -> None:
    assert paths_of("somagent.provenance.v1.VerifyReceiptRequest") == ()


def test_only_what_runs_the_service_is_about_no_tenant() -> None:
    assert {
        method.name.rpartition("/")[2] for method in METHODS.values() if method.service_wide
    } == {
        "CreateTenant",
        "GetServerInfo",
    }


def test_names_that_were_left_out_are_passed_over() -> None:
    request = memory_pb2.RecallRequest(parent="tenants/acme")

    assert METHODS[request.DESCRIPTOR.full_name].names_in(request) == ["tenants/acme"]


def test_a_name_inside_a_message_is_found() -> None:
    request = conversation_pb2.CreateSessionRequest(
        parent="tenants/acme",
        session=conversation_pb2.Session(capsule="tenants/globex/capsules/x"),
    )

    assert METHODS[request.DESCRIPTOR.full_name].names_in(request) == [
        "tenants/acme",
        "tenants/globex/capsules/x",
    ]


def test_whatever_a_request_can_name_has_its_own_way_of_not_being_there() -> None:
    refusals = {
        name: not_found(name).reason
        for name in (
            "tenants/x",
            "tenants/x/sessions/1",
            "tenants/x/sessions/1/turns/2",
            "tenants/x/invocations/1",
            "tenants/x/reservations/1",
            "tenants/x/records/1",
            "tenants/x/memories/1",
            "tenants/x/keys/1",
            "tenants/x/capsules/a",
            "tenants/x/capsules/a/versions/1.0.0",
        )
    }

    assert {collection_of(name): reason for name, reason in refusals.items()} == {
        "tenants": "TENANT_NOT_FOUND",
        "sessions": "SESSION_NOT_FOUND",
        "turns": "TURN_NOT_FOUND",
        "invocations": "INVOCATION_NOT_FOUND",
        "reservations": "RESERVATION_NOT_FOUND",
        "records": "RECORD_NOT_FOUND",
        "memories": "MEMORY_NOT_FOUND",
        "keys": "KEY_NOT_FOUND",
        "capsules": "CAPSULE_NOT_FOUND",
        "versions": "CAPSULE_NOT_FOUND",
    }

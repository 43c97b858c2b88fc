"""What a doctor's look says."""

import orjson

from entrypoints.assembly.checkup import Finding, Status
from entrypoints.cli.doctor import show
from tests.unit.entrypoints.cli.screens import readable_screen

WELL = Finding(
    name="postgres", status=Status.OK, words="embedded", version="18.6", latency_seconds=0.0031
)
ILL = Finding(
    name="libgomp", status=Status.FAILED, words="not found", advice="apt install libgomp1"
)


def test_each_engine_is_a_row_and_each_advice_a_line() -> None:
    readable = readable_screen()

    show(readable.screen, [WELL, ILL])

    assert "3.1 ms" in readable.text
    assert "18.6" in readable.text
    assert readable.text.splitlines()[-1] == "libgomp: apt install libgomp1"


def test_in_json_figures_are_numbers() -> None:
    readable = readable_screen(json=True)

    show(readable.screen, [WELL, ILL])

    [well, ill] = orjson.loads(readable.text)["findings"]
    assert (well["status"], well["latency_ms"]) == ("ok", 3.1)
    assert (ill["latency_ms"], ill["advice"]) == (None, "apt install libgomp1")

"""The bench's parts: they speak the protocol, and its arithmetic is right. No time is judged."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import stored
from bench.against import compare, tree_of
from bench.figures import figures_of, percentile, phase_means, ratios
from bench.load import text_of, turn_of
from bench.machine import cores
from bench.measuring import COALESCED, COALESCED_1, Sample
from bench.processes import BenchFailedError
from bench.report import table
from bench.script import MARK, first_token, message, pace_in, stamped_at, text_after_mark
from bench.sides import ROOT, folders_in
from bench.stage import stage

from somagent.conversation.v1 import conversation_pb2 as pb


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below the run's own temporary folder, where PostgreSQL's user may not go."""
    with tempfile.TemporaryDirectory(prefix="somagent-tests-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def sample(side: str, cpu_ms: float, *latencies: float) -> Sample:
    return Sample(
        side=side,
        scene=COALESCED,
        cpu_ms=cpu_ms,
        postgres_cpu_ms=1.0,
        turns_per_second=100.0,
        messages=7.0,
        latencies=latencies or (1.0,),
        first_tokens=(1.0,),
    )


def exposition(seconds: float, runs: int) -> str:
    """What the service says of its phases."""
    name = "somagent_phase_seconds"
    return f'{name}_sum{{phase="save"}} {seconds}\n{name}_count{{phase="save"}} {runs}\n'


async def test_floor_and_product_answer_the_same_turn(folder: Path) -> None:
    async with stage(folder, cores(), lambda _: None) as parts:
        answers: list[str] = []
        for side in (parts.floor, parts.product):
            for pace_ms in (0, 1):
                sessions = await side.client.sessions(2)
                seen = await side.client.run(sessions, 2, pace_ms, keep=True)
                answers += [text_of(stream) for stream in seen.streams]
        _, watched = await parts.meter.watched(parts.product, COALESCED_1, 1, keep=True)
        trace = await parts.product.client.trace(turn_of(watched.streams[0]))

    assert len(answers) == 8
    assert {answer.partition(" ")[2] for answer in answers} == {text_after_mark()}
    assert [one.tool for one in trace.tools] == ["arithmetic"]
    assert {run.phase for run in trace.phases} == set(pb.Phase.values()) - {pb.PHASE_UNSPECIFIED}


def test_a_first_token_tells_when_it_was_written() -> None:
    earlier, later = (stamped_at(first_token()) for _ in range(2))

    assert earlier is not None
    assert later is not None
    assert earlier <= later


def test_a_first_token_has_no_digits_in_its_mark() -> None:
    _, _, rest = first_token().rpartition(MARK)

    assert rest.partition(b" ")[0].isalpha()


def test_what_has_no_mark_tells_no_time() -> None:
    assert stamped_at(b"word1 ") is None


@pytest.mark.parametrize("pace_ms", [0, 1, 2.5, 20])
def test_a_message_carries_its_pace(pace_ms: float) -> None:
    assert pace_in(message(pace_ms)) == pace_ms / 1000


@pytest.mark.parametrize(("share", "value"), [(0, 1), (0.5, 3), (0.95, 4), (1, 4)])
def test_a_percentile_is_one_of_the_values(share: float, value: float) -> None:
    assert percentile([4, 1, 3, 2], share) == value


def test_a_figure_is_the_median_of_its_rounds() -> None:
    figures = figures_of([sample("floor", cpu, cpu * 10) for cpu in (1.0, 9.0, 2.0)])

    assert figures["floor_cpu_ms_per_turn_coalesced_64"] == 2.0
    assert figures["floor_latency_ms_p50_coalesced_64"] == 20.0


def test_a_ratio_compares_neighbours() -> None:
    product = [sample("product", cpu) for cpu in (2.0, 30.0, 6.0)]
    floor = [sample("floor", cpu) for cpu in (1.0, 10.0, 1.5)]

    assert ratios("ratio", product, floor) == {
        "ratio": 3.0,
        "ratio_lowest": 2.0,
        "ratio_highest": 4.0,
    }


def test_a_mean_is_that_of_the_time_between_two_looks() -> None:
    before, after = exposition(1.0, 4), exposition(3.0, 8)

    assert phase_means(before, after) == {"product_phase_save_ms_mean_1": 500.0}
    assert phase_means("", before) == {"product_phase_save_ms_mean_1": 250.0}


def test_the_table_says_what_was_reached() -> None:
    _, *lines = table({"ratio_coalesced": 1.9, "ratio_per_token": 1.6}).splitlines()

    assert [line.endswith("not reached") for line in lines] == [False, True]


async def test_two_trees_are_compared_in_one_run(folder: Path) -> None:
    told = await compare(ROOT, folders_in(folder), 1, {"coalesced": 4})

    _, service, postgres, latency, _ = told.splitlines()
    assert service.startswith("coalesced, CPU ")
    assert postgres.startswith("coalesced, CPU of PostgreSQL ")
    assert float(latency.split()[2]) > 0


async def test_a_filled_database_still_answers(folder: Path) -> None:
    told = await stored.compare(folders_in(folder), 2_000, 1, {"alone": 4})

    assert [line.split(",")[0] for line in told.splitlines()[1:4]] == ["alone"] * 3


def test_a_commit_that_does_not_exist_is_refused(folder: Path) -> None:
    with pytest.raises(BenchFailedError, match="no tree of nowhere"), tree_of("nowhere", folder):
        pytest.fail("there is a tree of a commit that does not exist")

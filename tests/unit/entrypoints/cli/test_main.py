"""The program as it is called: what it writes where, and how it ends."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from entrypoints.cli.demo_run import CAPSULE_FILE
from entrypoints.cli.failure import ExitCode
from tests.receipts import SIGNER, receipt_file, sealed_chain

PUBLIC_KEY = SIGNER.public_key.hex()
HEAVY = ("grpc", "google.protobuf", "sqlalchemy", "psycopg", "aiohttp", "cryptography", "rich")


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Program:
    """The program in a folder of its own, with a home that nobody used before."""

    folder: Path

    def __call__(self, *arguments: str | Path, given: str = "") -> Ended:
        return self.python("-m", "entrypoints.cli.main", *arguments, given=given)

    def python(self, *arguments: str | Path, given: str = "") -> Ended:
        environment = {name: value for name, value in os.environ.items() if "SOMA" not in name}
        environment |= {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
        }
        done = subprocess.run(  # noqa: S603 - this very program
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_help_brings_nothing_that_is_slow_to_load(program: Program) -> None:
    script = (
        "import sys\n"
        "from entrypoints.cli.main import run\n"
        "run(['--help'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )

    assert program.python("-c", script).out.splitlines()[-1] == "[]"


def test_every_command_explains_itself(program: Program) -> None:
    ended = program("--help")

    assert ended.code == 0
    for command in ("demo", "serve", "migrate", "chat", "turn", "receipt", "capsule", "doctor"):
        assert f"\n  {command} " in ended.out


def test_a_wrong_option_is_wrong_usage(program: Program) -> None:
    assert program("chat", "--nonsense").code == ExitCode.USAGE


@pytest.mark.parametrize(
    "arguments",
    [
        ("chat", "tenants/demo/sessions/s", "-m", "hello"),
        ("tenants", "create", "acme"),
    ],
)
def test_where_no_server_answers_one_line_says_so_and_what_to_do(
    program: Program, arguments: Sequence[str]
) -> None:
    ended = program(*arguments, "--address", "127.0.0.1:1", "--key", "sk_1")

    assert ended.code == ExitCode.UNREACHABLE
    assert ended.out == ""
    assert ended.err.splitlines() == [
        "no server answers at 127.0.0.1:1",
        "start one with `somagent serve`, or name another with --address",
    ]


def test_in_json_errors_are_json_too(program: Program) -> None:
    ended = program("turn", "show", "t", "--address", "127.0.0.1:1", "--json")

    error = orjson.loads(ended.err)["error"]
    assert error["exit_code"] == ended.code == ExitCode.UNREACHABLE
    assert error["message"] == "no server answers at 127.0.0.1:1"


async def test_a_range_of_receipts_is_verified_with_the_public_key_alone(
    program: Program,
) -> None:
    (program.folder / "range.json").write_bytes(receipt_file(*await sealed_chain(3)))
    (program.folder / "trusted.pub").write_text(f"{PUBLIC_KEY}\n")

    ended = program("receipt", "verify", "range.json", "--public-key", "trusted.pub")

    assert (ended.code, ended.err) == (0, "")
    assert "holds: 3 receipts, positions 1 to 3" in ended.out


async def test_a_receipt_that_was_altered_is_named_with_what_is_wrong(program: Program) -> None:
    [receipt] = await sealed_chain(1)
    content = receipt_file(receipt).replace(b"invoices/1", b"invoices/9")

    ended = program(
        "receipt", "verify", "-", "--public-key", PUBLIC_KEY, "--json", given=content.decode()
    )

    found = orjson.loads(ended.out)
    assert ended.code == ExitCode.FOUND_WRONG
    assert not found["valid"]
    assert "altered" in [problem["kind"] for problem in found["problems"]]


async def test_without_a_key_nothing_is_taken_for_verified(program: Program) -> None:
    (program.folder / "one.json").write_bytes(receipt_file(*await sealed_chain(1)))

    ended = program("receipt", "verify", "one.json")

    assert ended.code == ExitCode.USAGE
    assert "no public key is known here" in ended.err


def test_a_capsule_goes_from_a_key_to_a_signature_that_holds(program: Program) -> None:
    capsule = program.folder / "capsule.yaml"
    capsule.write_text(CAPSULE_FILE.read_text())

    made = program("capsule", "keygen", "author")
    signed = program("capsule", "sign", "capsule.yaml", "--key-file", "author.key")
    checked = program("capsule", "verify", "capsule.yaml", "--public-key", "author.pub", "--json")

    assert (made.code, signed.code, checked.code) == (0, 0, 0)
    assert (program.folder / "author.key").stat().st_mode & 0o777 == 0o600
    assert orjson.loads(checked.out)["name"] == "demo"


def test_a_capsule_that_was_changed_after_it_was_signed_does_not_hold(program: Program) -> None:
    capsule = program.folder / "capsule.yaml"
    capsule.write_text(CAPSULE_FILE.read_text())
    program("capsule", "keygen", "author")
    program("capsule", "sign", "capsule.yaml", "--key-file", "author.key")
    capsule.write_text(capsule.read_text().replace("resource_budget: 0.50", "resource_budget: 99"))

    ended = program("capsule", "verify", "capsule.yaml", "--public-key", "author.pub")

    assert ended.code == ExitCode.FOUND_WRONG
    assert "tampered" in ended.out


def test_a_key_that_is_there_is_never_overwritten(program: Program) -> None:
    program("capsule", "keygen", "author")
    before = (program.folder / "author.key").read_text()

    ended = program("capsule", "keygen", "author")

    assert ended.code == ExitCode.FAILED
    assert (program.folder / "author.key").read_text() == before


def test_a_manifest_with_faults_names_each_by_its_path(program: Program) -> None:
    (program.folder / "bad.yaml").write_text(
        "apiVersion: somagent.dev/v3\nname: X\nversion: one\npersona: {}\nmodels: {allow: ['*']}\n"
    )
    program("capsule", "keygen", "author")

    ended = program("capsule", "verify", "bad.yaml", "--public-key", "author.pub", "--json")

    found = orjson.loads(ended.out)
    assert found["reason"] == "CAPSULE_MALFORMED"
    assert {problem["field"] for problem in found["problems"]} >= {"name", "version"}


def test_settings_are_explained_with_where_they_come_from(program: Program) -> None:
    (program.folder / "somagent.toml").write_text("[server]\nworkers = 3\n")

    ended = program("config", "check", "--config", "somagent.toml", "--changed", "--json")

    [setting] = orjson.loads(ended.out)["settings"]
    assert (setting["key"], setting["value"]) == ("server.workers", "3")
    assert setting["source"] == "somagent.toml:2"


def test_a_setting_that_does_not_exist_is_refused(program: Program) -> None:
    (program.folder / "somagent.toml").write_text("[server]\nworker = 3\n")

    ended = program("config", "check", "--config", "somagent.toml")

    assert ended.code == ExitCode.FOUND_WRONG
    assert "did you mean server.workers?" in ended.err


def test_a_tool_that_could_never_be_called_is_refused_when_settings_are_checked(
    program: Program,
) -> None:
    (program.folder / "somagent.toml").write_text(
        '[[tools.http]]\nname = "send"\ndescription = "Sends."\nurl = "http://localhost/"\n'
        'input_schema = \'{"type": "nonsense"}\'\n'
    )

    ended = program("config", "check", "--config", "somagent.toml")

    assert ended.code == ExitCode.FOUND_WRONG
    assert "tools.http.0.input_schema: is no JSON Schema 2020-12" in ended.err


def test_a_defect_is_one_line_without_a_traceback(program: Program) -> None:
    script = (
        "from entrypoints.cli import main\n"
        "@main.app.command()\n"
        "def broken() -> None:\n"
        "    raise LookupError('odd')\n"
        "raise SystemExit(main.run({arguments}))\n"
    )

    ended = program.python("-c", script.format(arguments=["broken"]))
    shown = program.python("-c", script.format(arguments=["--debug", "broken"]))

    assert ended.code == ExitCode.FAILED
    assert ended.err.startswith("a defect of this program: LookupError: odd\n")
    assert "Traceback" not in ended.err
    assert "Traceback" in shown.err

"""What the README says of other languages holds for this contract, as far as it can be run here."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

SDK: Final = Path(__file__).parents[2] / "sdk"
PROTO: Final = SDK.parent / "proto"


def test_protoc_takes_the_contract_as_the_readme_says(tmp_path: Path) -> None:
    (line,) = re.findall(r"^protoc (.*)$", (SDK / "README.md").read_text(), re.MULTILINE)
    arguments = line.replace("DIRECTORY", str(tmp_path))

    subprocess.run(  # noqa: S602 - our own line, which finds its files by the shell
        f"{sys.executable} -m grpc_tools.protoc {arguments}", cwd=PROTO, shell=True, check=True
    )

    contract = {str(path.relative_to(PROTO)) for path in PROTO.glob("somagent/**/*.proto")}
    made = {
        f"{str(path.relative_to(tmp_path)).removesuffix('_pb2.py')}.proto"
        for path in tmp_path.rglob("*_pb2.py")
    }
    assert made == contract | {"buf/validate/validate.proto"}

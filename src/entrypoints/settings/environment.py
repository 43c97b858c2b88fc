"""What this process was started with: read here and nowhere else."""

import os
from collections.abc import Mapping


def environment() -> Mapping[str, str]:
    return dict(os.environ)

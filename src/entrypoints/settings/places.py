"""Where a service keeps its data when nobody says where."""

import os
from pathlib import Path
from typing import Final

from platformdirs import user_data_path

SYSTEM_DATA: Final = Path("/var/lib/somagent")
"""Root's home is closed to the system user that the database runs as."""


def data_home() -> Path:
    """The user's own data folder; the system's for root."""
    return SYSTEM_DATA if os.geteuid() == 0 else user_data_path("somagent")

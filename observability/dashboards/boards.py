"""All dashboards, as the files that Grafana reads."""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from .gateway import GATEWAY
from .local_model import LOCAL_MODEL
from .objectives import OBJECTIVES
from .overview import OVERVIEW
from .panels import build
from .providers import PROVIDERS

BOARDS = (OVERVIEW, PROVIDERS, LOCAL_MODEL, GATEWAY, OBJECTIVES)
FOLDER = Path(__file__).resolve().parents[1] / "grafana" / "dashboards"


def files() -> dict[str, str]:
    """The text of each file in ``FOLDER``, by its name."""
    return {
        f"{board.uid}.json": json.dumps(build(board), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False)
        + "\n"
        for board in BOARDS
    }

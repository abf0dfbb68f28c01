"""Run as `python -m local.gateway`; settings come from `GV_LOCAL_*`."""

from __future__ import annotations

import logging

import uvicorn

from local.gateway.app import application
from local.settings import HOST, Settings


def main() -> None:
    """Serve until a signal stops the process."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    settings = Settings.from_environment()
    uvicorn.run(application(settings), host=HOST, port=settings.gateway_port, log_config=None, access_log=False)


if __name__ == "__main__":
    main()

"""Run the peer as one would in production: one worker, uvloop, httptools, no access log."""

import uvicorn

from loadtest.peers.fastapi.app import application
from loadtest.peers.fastapi.settings import Settings

if __name__ == "__main__":
    settings = Settings.model_validate({})
    uvicorn.run(
        application(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=75,
    )

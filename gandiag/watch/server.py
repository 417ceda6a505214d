"""The server of the live page: starlette and uvicorn, for this machine alone."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gandiag.reports.html import TEMPLATES as REPORTS
from gandiag.reports.html import plotly_js
from gandiag.watch import pages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

    from gandiag.watch.following import Followed

HOST, PORT = "127.0.0.1", 8420
POLL = 0.25  # seconds between two looks at what there is to tell
HEARTBEAT = 15.0  # seconds after which a silent stream says that it lives
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Watch:
    """The pages of some runs, and the thread that reads the runs while anybody looks at a page."""

    def __init__(self, runs: Sequence[Followed]) -> None:
        self.runs = runs
        self.alone = len(runs) == 1
        self.over = threading.Event()
        self.readers = 0  # open streams
        self._known: dict[str, tuple[str, str]] = {}  # pages by address, with their version

    def follow(self) -> None:
        """Look at the runs until all is over; without readers only once, so that nothing is read for nobody."""
        looked = False
        while not self.over.wait(POLL):
            if self.readers or not looked:
                for run in self.runs:
                    if not self.over.is_set():
                        run.look()
                looked = True

    def state(self) -> str:
        """What pages are told: versions, sentences and alerts, as JSON."""
        views = [run.view for run in self.runs]
        told = {
            "versions": [view.version for view in views],
            "states": [view.state for view in views],
            "names": pages.run_names(self.runs),
            "alerts": [
                [number, alert.version, alert.severity, alert.text]
                for number, view in enumerate(views)
                for alert in view.alerts
            ],
        }
        return json.dumps(told)

    async def stream(self) -> AsyncIterator[str]:
        """Server-sent events: the state at once, and whenever it changes."""
        self.readers += 1
        try:
            told, silent = "", 0.0
            while not self.over.is_set():
                if (state := self.state()) != told:
                    told, silent = state, 0.0
                    yield f"data: {state}\n\n"
                elif silent >= HEARTBEAT:
                    silent = 0.0
                    yield ": still here\n\n"
                await asyncio.sleep(POLL)
                silent += POLL
        finally:
            self.readers -= 1

    def page(self, number: int | None) -> str:
        """A page as it is now; made once for each version."""
        address = "" if number is None else str(number)
        views = [run.view for run in (self.runs if number is None else [self.runs[number]])]
        version = ",".join(f"{view.version}" for view in views)
        known = self._known.get(address)
        if known is None or known[0] != version:
            started = time.thread_time()
            made = pages.several(self.runs) if number is None else pages.one(self.runs[number], number, self.alone)
            self._known[address] = known = (version, made)
            for run in self.runs if number is None else [self.runs[number]]:
                run.rest((time.thread_time() - started) / (len(self.runs) if number is None else 1))
        return known[1]


def application(watch: Watch) -> Starlette:
    """The routes: pages, the stream of events, three scripts. Requests under another host name are refused."""
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import HTMLResponse, PlainTextResponse, StreamingResponse
    from starlette.responses import Response as Answer
    from starlette.routing import Route

    scripts: dict[str, Callable[[], str]] = {
        "plotly.js": plotly_js,
        "report.js": (REPORTS / "report.js").read_text,
        "live.js": (pages.TEMPLATES / "live.js").read_text,
    }

    async def home(_request: Request) -> Response:
        number = 0 if watch.alone else None
        return HTMLResponse(await run_in_threadpool(watch.page, number), headers=HEADERS)

    async def one(request: Request) -> Response:
        number = request.path_params["number"]
        if number >= len(watch.runs):
            return PlainTextResponse("There is no such run.", 404, headers=HEADERS)
        return HTMLResponse(await run_in_threadpool(watch.page, number), headers=HEADERS)

    async def events(_request: Request) -> Response:
        return StreamingResponse(watch.stream(), media_type="text/event-stream", headers=HEADERS)

    async def script(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in scripts:
            return PlainTextResponse("There is no such script.", 404, headers=HEADERS)
        return Answer(scripts[name](), media_type="text/javascript", headers=HEADERS)

    routes = [Route("/", home), Route("/run/{number:int}", one), Route("/events", events),
              Route("/scripts/{name}", script)]  # fmt: skip
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    return Starlette(routes=routes, middleware=[hosts])


def bound(port: int | None) -> socket.socket:
    """A socket on this machine: at the port, or at the usual one, or at any that is free where that is taken.

    Raises OSError when the port that was asked for cannot be had.
    """
    try:
        return socket.create_server((HOST, PORT if port is None else port))
    except OSError:
        if port is not None:
            raise
        return socket.create_server((HOST, 0))


def serve(runs: Sequence[Followed], sock: socket.socket) -> None:
    """Serve the pages until Ctrl-C or SIGTERM."""
    import uvicorn

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Uvicorn would end the process by the signal it got; here ending is how the command is meant to end."""
            yield

    watch = Watch(runs)
    config = uvicorn.Config(
        application(watch), log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2
    )
    server = Server(config)

    def stop(*_: Any) -> None:
        server.should_exit = True
        watch.over.set()

    thread = threading.Thread(target=watch.follow, name="gandiag watch", daemon=True)
    with stopping(stop):
        thread.start()
        server.run(sockets=[sock])
        watch.over.set()


@contextmanager
def stopping(stop: Callable[..., None]) -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM call `stop`; what they did before is put back."""
    signals = [signal.SIGINT, signal.SIGTERM] if threading.current_thread() is threading.main_thread() else []
    before = {number: signal.signal(number, stop) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""An HTTP proxy in front of a server, for one process at a time. It passes requests on, except those that meet a fault.

It stands for what is between a worker and AWS: load balancers that answer for a server, connections that break or
stall, and answers that are lost after the server did what was requested.
"""

from __future__ import annotations

import json
import select
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

from tests.faults.campaign.plan import Fault

#: Longer than the workers' time-outs.
STALL_S = 6.0
_UPSTREAM_TIMEOUT_S = 20.0
_NOT_FORWARDED = {"connection", "expect", "transfer-encoding", "content-length", "keep-alive"}


class Proxy(ThreadingHTTPServer):
    """A proxy on a free port of 127.0.0.1 for one server.

    :param name: the server's name in faults: `catalog` or `store`.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, name: str, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.name = name
        self.target = urlsplit(target).netloc
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._lock = threading.Lock()
        self._fault: Fault | None = None
        self._seen = 0
        self.strike: Callable[[Fault], None] = lambda _: None
        self.met = 0
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def arm(self, fault: Fault | None, strike: Callable[[Fault], None] = lambda _: None) -> None:
        """Let later requests meet `fault`, if it is one of this server's.

        :param strike: called for a `kill`, `term` or `store` fault.
        """
        with self._lock:
            self._fault = fault if fault is not None and fault.server == self.name else None
            self._seen, self.met, self.strike = 0, 0, strike

    def fault_of(self, method: str, path: str) -> Fault | None:
        """Count a request, and return the fault that it meets."""
        with self._lock:
            fault = self._fault
            if fault is None:
                return None
            if not _counts(fault, method, path):
                return None
            self._seen += 1
            if not fault.nth <= self._seen < fault.nth + fault.times:
                return None
            self.met += 1
            return fault

    def refuse(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> str | None:
        """Return the error code with which a stricter server would refuse a request; None to pass it on."""
        return None

    def answered(self, method: str, path: str, content: bytes) -> None:
        """See a server's answer before the client does."""

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that is gone."""


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    server: Proxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm: ClassVar[bool] = True

    def _relay(self) -> None:
        body = self._body()
        refusal = self.server.refuse(self.command, self.path, self.headers, body)
        if refusal is not None:
            content = self._error(400, refusal)
            self._answer(400, [("Content-Type", content[0])], content[1])
            return
        fault = self.server.fault_of(self.command, self.path)
        if fault is None:
            self._answer(*self._forward(body))
            return
        if fault.kind == "late":
            threading.Timer(fault.seconds, self._forward_quietly, (body,)).start()
            self._hang_up()
            return
        answer = self._forward(body) if fault.after else None
        self._meet(fault, body, answer)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _relay  # noqa: N815

    def _meet(self, fault: Fault, body: bytes, answer: _Answer | None) -> None:
        """Do what the fault is, before the request was passed on or (with its `answer`) afterward."""
        if fault.kind == "status":
            content = self._error(fault.status, fault.code)
            self._answer(fault.status, [("Content-Type", content[0])], content[1])
        elif fault.kind == "delay":
            time.sleep(fault.seconds)
            self._answer(*(answer or self._forward(body)))
        elif fault.kind == "cut":
            if answer is not None and len(answer[2]) > 1 and self.command != "HEAD":
                self._answer(*answer, sent=len(answer[2]) // 2)
            self._hang_up()
        elif fault.kind == "stall":
            select.select([self.connection], [], [], STALL_S)  # readable when the client hangs up
            self._hang_up()
        else:
            self.server.strike(fault)
            self._hang_up()

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(chunks)

    def _forward(self, body: bytes) -> _Answer:
        upstream = HTTPConnection(self.server.target, timeout=_UPSTREAM_TIMEOUT_S)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in _NOT_FORWARDED:
                    upstream.putheader(name, value)
            if body or self.command in ("PUT", "POST"):
                upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body)
            response = upstream.getresponse()
            content = response.read()
            dropped = _NOT_FORWARDED if self.command != "HEAD" else _NOT_FORWARDED - {"content-length"}
            headers = [(name, value) for name, value in response.getheaders() if name.lower() not in dropped]
            self.server.answered(self.command, self.path, content)
            return response.status, headers, content
        except HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            upstream.close()

    def _forward_quietly(self, body: bytes) -> None:
        with suppress(OSError):
            self._forward(body)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes, sent: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD" and status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content if sent is None else content[:sent])
        self.wfile.flush()

    def _error(self, status: int, code: str) -> tuple[str, bytes]:
        """Return an error's content type and body, in the server's format."""
        if self.server.name == "store":
            return (
                "application/xml",
                f"<Error><Code>{code or f'Injected{status}'}</Code><Message>injected</Message></Error>".encode(),
            )
        error = {"message": "injected", "type": "InjectedException", "code": status}
        return "application/json", json.dumps({"error": error}).encode()

    def _hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


def _counts(fault: Fault, method: str, path: str) -> bool:
    """Whether a request is one of those that can meet the fault."""
    if method == "POST" and "/tables/" in path:
        return True
    kinds = {
        "any": True,
        "write": method in ("PUT", "POST"),
        "part": method == "PUT" and "partNumber=" in path,
        "object": method == "PUT" and "partNumber=" not in path,
        "complete": method == "POST" and "uploadId=" in path,
    }
    return kinds.get(fault.only, False)


#: Status, headers and body of a server's response.
_Answer = tuple[int, list[tuple[str, str]], bytes]

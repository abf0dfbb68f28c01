"""A TCP proxy in front of the SFTP server, for one process at a time. It passes bytes on until they meet a fault.

SSH encrypts what it sends, so the proxy counts the pieces that arrive from the server, not requests.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress

from tests.faults.campaign.plan import Fault

_PIECE_BYTES = 32768


class StreamProxy:
    """A proxy on a free port of 127.0.0.1 for the server at `port`. Its faults are those of the server `sftp`."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._fault: Fault | None = None
        self._strike: Callable[[Fault], None] = lambda _: None
        self._seen = 0
        self.met = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, fault: Fault | None, strike: Callable[[Fault], None] = lambda _: None) -> None:
        """Let later pieces meet `fault`, if it is one of this server's."""
        with self._lock:
            self._fault = fault if fault is not None and fault.server == "sftp" else None
            self._seen, self.met, self._strike = 0, 0, strike

    def stop(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with closing(client), suppress(OSError), closing(socket.create_connection(self._target)) as server:
            threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()
            while piece := server.recv(_PIECE_BYTES):
                if (fault := self._fault_of_piece()) is None:
                    client.sendall(piece)
                elif fault.kind == "delay":
                    time.sleep(fault.seconds)
                    client.sendall(piece)
                elif fault.kind == "stall":
                    while server.recv(_PIECE_BYTES):  # until the client hangs up, which ends the server's side too
                        pass
                else:
                    if fault.kind != "cut":
                        self._strike(fault)
                    client.sendall(piece[: len(piece) // 2])
                    client.shutdown(socket.SHUT_RDWR)
                    return

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while piece := client.recv(_PIECE_BYTES):
                server.sendall(piece)
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _fault_of_piece(self) -> Fault | None:
        with self._lock:
            self._seen += 1
            if self._fault is None or not self._fault.nth <= self._seen < self._fault.nth + self._fault.times:
                return None
            self.met += 1
            return self._fault

"""A forwarder on loopback that signs: DuckDB's Iceberg extension signs only for host names of AWS.

A thread of the peer's process; a load sends it a handful of small requests, no data.
"""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

#: Without a list DuckDB takes it that several tables can be committed at once, which S3 Tables refuses.
_ENDPOINTS = [
    "GET /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}",
]


def forwarder() -> str:
    """Start it; return the catalog's address behind it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Signing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}{urlsplit(os.environ['GV_CATALOG_URI']).path}"


class _Signing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        place = urlsplit(os.environ["GV_CATALOG_URI"])
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = f"{place.scheme}://{place.netloc}{self.path}"
        signed = AWSRequest(self.command, url, data=body, headers={"Content-Type": "application/json"})
        keys = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
        SigV4Auth(keys, "s3tables", os.environ["AWS_REGION"]).add_auth(signed)
        try:
            with urlopen(Request(url, body or None, dict(signed.headers.items()), method=self.command)) as reply:
                status, answer = reply.status, reply.read()
        except HTTPError as error:
            status, answer = error.code, error.read()
        if urlsplit(self.path).path.endswith("/v1/config"):
            answer = json.dumps(json.loads(answer) | {"endpoints": _ENDPOINTS}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)

    do_GET = do_HEAD = do_POST = do_DELETE = _forward  # noqa: N815 - http.server's own names

    def log_message(self, *_: object) -> None:
        """Say nothing."""

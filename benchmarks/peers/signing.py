"""A proxy on loopback that signs requests, because DuckDB's Iceberg extension signs only for host names of AWS.

It is a thread of the peer's process. A load sends it a few small requests and no data.
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

#: Without this list, DuckDB assumes that one request can commit several tables, which S3 Tables refuses.
_ENDPOINTS = [
    "GET /v1/{prefix}/namespaces",
    "GET /v1/{prefix}/namespaces/{namespace}",
    "GET /v1/{prefix}/namespaces/{namespace}/tables",
    "GET /v1/{prefix}/namespaces/{namespace}/tables/{table}",
    "POST /v1/{prefix}/namespaces/{namespace}/tables/{table}",
]


def start_signing_proxy() -> str:
    """Start the proxy, and return the catalog's URL through it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _SigningHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}{urlsplit(os.environ['GV_CATALOG_URI']).path}"


class _SigningHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        catalog = urlsplit(os.environ["GV_CATALOG_URI"])
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = f"{catalog.scheme}://{catalog.netloc}{self.path}"
        signed = AWSRequest(self.command, url, data=body, headers={"Content-Type": "application/json"})
        keys = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
        SigV4Auth(keys, "s3tables", os.environ["AWS_REGION"]).add_auth(signed)
        try:
            with urlopen(Request(url, body or None, dict(signed.headers.items()), method=self.command)) as response:
                status, content = response.status, response.read()
        except HTTPError as error:
            status, content = error.code, error.read()
        if urlsplit(self.path).path.endswith("/v1/config"):
            content = json.dumps(json.loads(content) | {"endpoints": _ENDPOINTS}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_DELETE = _forward  # noqa: N815 - names that http.server calls

    def log_message(self, *_: object) -> None:
        """Log nothing."""

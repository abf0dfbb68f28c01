"""Opens a source's vendor for the audit. A vendor that cannot be asked is an answer, not an error."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import ExitStack, contextmanager, redirect_stdout
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from growth_verticals.errors import GrowthVerticalsError
from growth_verticals.source import S3, Sftp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.account import Account
    from growth_verticals.audit.collect import Vendor
    from growth_verticals.source import Source


@contextmanager
def open_vendor(account: Account, source: Source) -> Iterator[Vendor]:
    """Open the vendor's origin, or say why it cannot be opened. The inbox has no vendor."""
    from growth_verticals.audit.collect import Vendor
    from growth_verticals.hooks.origin import open_origin

    with ExitStack() as opened:
        if not isinstance(source.delivery, Sftp | S3):
            yield Vendor()
            return
        try:
            origin = opened.enter_context(open_origin(account, source))
        except GrowthVerticalsError as error:
            vendor = Vendor(unreachable=str(error))
        else:
            vendor = Vendor(origin=origin)
        yield vendor


@contextmanager
def open_vendor_of_environment(account: Account, source: Source) -> Iterator[Vendor]:
    """As `open_vendor`, for `./gv`: the connection must be in the environment variable `AIRFLOW_CONN_<ID>`.

    Without it nobody asks the vendor, and Airflow is not imported. If it is, it writes no file and nothing to standard
    output, where `--json` goes.
    """
    from growth_verticals.audit.collect import Vendor

    delivery = source.delivery
    if not isinstance(delivery, Sftp | S3) or f"AIRFLOW_CONN_{delivery.conn_id.upper()}" not in os.environ:
        yield Vendor()
        return
    with ExitStack() as opened:
        if "AIRFLOW_HOME" not in os.environ:
            os.environ["AIRFLOW_HOME"] = opened.enter_context(TemporaryDirectory(prefix="airflow-home-"))
            opened.callback(os.environ.pop, "AIRFLOW_HOME", None)
        with redirect_stdout(sys.stderr):
            import airflow.sdk.definitions.connection  # noqa: F401 - its log handlers keep the stream of the import

            for name in ("botocore", "paramiko", "pyiceberg"):
                logging.getLogger(name).setLevel(logging.WARNING)
            vendor = opened.enter_context(open_vendor(account, source))
        yield vendor

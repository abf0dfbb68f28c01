"""The operator that sends alerts: it compares the causes that exist now with the alerts that are open."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from growth_verticals.alerting import for_source
from growth_verticals.declarations import find_source, source_names
from growth_verticals.errors import ConfigurationError, DeclarationError, ServiceError
from growth_verticals.hooks.account import account_from_connection
from growth_verticals.operators.failures import ExplainingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from growth_verticals.alerting import Alerts
    from growth_verticals.alerts.messages import Links, Message
    from growth_verticals.alerts.routes import Routes
    from growth_verticals.status.causes import Cause


class SendAlerts(ExplainingOperator):
    """Send a message for each new cause, and one when it is gone.

    The causes are read first. If that fails, the task fails, and no alert is opened or closed. If some cannot be read,
    no alert is closed.

    :param alerts: the declaration for all sources.
    """

    def __init__(self, *, alerts: Alerts, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alerts = alerts

    def act(self, context: Context) -> dict[str, int]:  # noqa: ARG002 - Airflow's signature
        """Return how many causes there are, and how many alerts were opened and closed.

        Raises `ServiceError` at the end if a channel did not accept a message, or not all causes could be read. The
        next run sends what is missing.
        """
        from growth_verticals.alerts.sending import send_alerts
        from growth_verticals.alerts.store import AlertStore

        causes, unread = _read_causes()
        routes, errors = self._routes()
        unread = list(dict.fromkeys((*unread, *errors)))

        def send(channel: str, message: Message) -> None:
            self._send(routes, channel, message)

        store = AlertStore(account_from_connection())
        sent = send_alerts(store, causes, routes, _links(), send, complete=not unread)
        if sent.failed:
            raise ServiceError(
                "not all alerts could be sent",
                found="; ".join(f"{channel}: {reason}" for channel, reason in sent.failed.items()),
                next_step="correct the connection (docs/alerts.md); the next run sends what is missing",
            )
        if unread:
            raise ServiceError(
                "not all causes could be read, so that no alert was closed",
                found="; ".join(note.rstrip(".") for note in unread),
                next_step="correct that; the next run continues",
            )
        return {"causes": len(causes), "opened": sent.opened, "closed": sent.closed}

    def _routes(self) -> tuple[Routes, list[str]]:
        """Return where messages go, and the errors of sources whose declarations do not run."""
        from growth_verticals.alerts.routes import Routes
        from growth_verticals.hooks.notify import is_connected

        by_source, errors = {}, []
        for name in source_names():
            try:
                by_source[name] = for_source(self.alerts, find_source(name).alerts)
            except DeclarationError as error:
                errors.append(str(error))
        return Routes(for_all=for_source(self.alerts), by_source=by_source, is_connected=is_connected), errors

    def _send(self, routes: Routes, channel: str, message: Message) -> None:
        from growth_verticals.hooks.notify import notify

        if channel in routes.connected:
            notify(routes.channels[channel], message)
            self.log.info("%s: %s", channel, message.subject)
        else:
            self.log.warning("%s", message.line)


def _read_causes() -> tuple[list[Cause], list[str]]:
    from growth_verticals.hooks.airflow_api import open_airflow_api

    api = open_airflow_api()
    if api is None:
        raise ConfigurationError(
            "without the connection airflow_api, alerts cannot be sent",
            next_step="add it (docs/runbook.md, Connections in Airflow)",
        )
    with api:
        return api.causes()


def _links() -> Links:
    from airflow.sdk import conf

    from growth_verticals.alerts.messages import Links

    url = conf.get("api", "base_url", fallback=None)
    return Links(airflow_url=url or None, docs_url=os.environ.get("GV_DOCS_URL") or None)

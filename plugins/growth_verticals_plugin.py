"""Registers the timetables and the pages with Airflow. This is the only module under plugins/ that Airflow imports.

Every component imports it, so it imports nothing heavy: the pages' app is imported when their first request comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

from growth_verticals.timetables import FormTimetable, PeriodTimetable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

#: The path of Airflow's UI, if it does not have a host of its own.
_BASE = urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/")
_PAGES = f"{_BASE}/deliveries"


async def deliveries(
    scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """The pages, as an ASGI app. `scope["airflow"]` is Airflow's own app, through which they act."""
    from anyio import to_thread

    app = await to_thread.run_sync(_pages)  # the first import takes a second
    await app({**scope, "airflow": scope["app"]}, receive, send)


def _pages() -> Any:
    from growth_verticals.web.app import deliveries_app

    return deliveries_app()


class GrowthVerticalsPlugin(AirflowPlugin):
    """What Airflow looks up by name."""

    name = "growth_verticals"
    timetables = [PeriodTimetable, FormTimetable]  # noqa: RUF012 - Airflow requires lists
    fastapi_apps = [{"app": deliveries, "url_prefix": "/deliveries", "name": "Deliveries"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Deliveries",
            "href": f"{_PAGES}/",
            "destination": "nav",
            "nav_top_level": True,
            "url_route": "deliveries",
            "icon": f"{_PAGES}/static/icon.svg",
        },
        {
            "name": "Deliveries",
            "href": f"{_PAGES}/dags/{{DAG_ID}}",
            "destination": "dag",
            "url_route": "source-deliveries",
        },
        {
            "name": "Delivery",
            "href": f"{_PAGES}/dags/{{DAG_ID}}/runs/{{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "delivery",
        },
    ]
    react_apps = [  # noqa: RUF012
        # static/home.js defines a function of this name.
        {"name": "DeliveriesPanel", "bundle_url": f"{_PAGES}/static/home.js", "destination": "dashboard"},
    ]

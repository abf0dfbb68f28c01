"""The pages Deliveries inside Airflow's UI, as one FastAPI app that the plugin mounts at /deliveries.

    app         the app: routers, static files, error pages
    security    login, rights, forged forms, headers
    declared    the declarations of the sources
    airflow_db  facts from Airflow's database; tables: facts from the catalog; run_files: the files of a run
    asking      the account, for pages that ask the catalog or the landing zone
    own_api     Airflow's own REST API, for acts
    render      templates and their filters
    pages/      one module for each page: route and view

Conventions, for a new page:

- A module `pages/<name>.py` has a `router`. Add it to `_ROUTERS` below, and the page to `TABS` in `render.py` if it
  has a place in the bar at the top.
- Routes are plain `def`, because they read the database: FastAPI runs them in threads. They take the time as `Now`.
- Every route asks for a login: the app does that for all of them. A route about a source takes `ReadableSource`, a list
  shows only `readable_sources(user)`, a form is checked by `PostedForm`. A test walks over all routes.
- A view hands finished values to its template: numbers, words, paths. A template extends `base.html`, and imports what
  pages share from `macros.html` (state_badge, table, airflow_link, delivery_path, token_field).
- Text from outside is escaped by the templates. Names of files, and other text of vendors, pass the filter `visible`.
  No `|safe`, no `style=`, no `onclick=`, no inline script: the Content-Security-Policy stops them.
- What needs the catalog or AWS comes apart: `<div data-fragment="{{ root }}/…" aria-busy="true">` is replaced by what
  that route returns. A fragment that could not read everything carries `data-note="one sentence"`.
- Colors are the custom properties of `static/page.css`, named by what they mean; `light-dark()` has both themes.
- Times pass the filter `when`: New York's time with the zone, and the UTC time in `datetime=`.
"""

from __future__ import annotations

import mimetypes
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from growth_verticals.web.pages import acts, delivery, grid, source, summary, tables, tabs, vendors
from growth_verticals.web.render import page
from growth_verticals.web.security import SecureHeaders, logged_in

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_STATIC = Path(__file__).parent / "static"
#: The source's pages come before the delivery's, whose path would match them.
_ROUTERS = (
    grid.router, tabs.router, acts.router, source.router, delivery.router, tables.router, vendors.router,
    summary.router,
)  # fmt: skip


@cache
def deliveries_app() -> ASGIApp:
    """Return the app, as the plugin mounts it."""
    return SecureHeaders(create_app())


def create_app() -> FastAPI:
    """Return the app without its headers. It needs Airflow's database and auth manager only when a request comes."""
    app = FastAPI(
        title="Deliveries",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        dependencies=[Depends(logged_in)],
    )
    app.add_api_route("/static/{name:path}", static_file, methods=["GET"])
    for router in _ROUTERS:
        app.include_router(router)
    app.add_exception_handler(StarletteHTTPException, _error_page)
    app.add_exception_handler(RequestValidationError, _error_page)
    return app


def static_file(name: str) -> FileResponse:
    """Return a file of the folder `static` or of a folder in it."""
    files = (each for each in _STATIC.rglob("*") if each.is_file())
    path = next((each for each in files if each.relative_to(_STATIC).as_posix() == name), None)
    if path is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such file")
    return FileResponse(path, media_type=mimetypes.guess_type(name)[0])


def _error_page(request: Request, error: Exception) -> Response:
    """Return the error as one sentence: as a page for people, as JSON for programs."""
    if isinstance(error, StarletteHTTPException):
        status, text = error.status_code, str(error.detail)
    else:
        status, text = int(HTTPStatus.BAD_REQUEST), "the address of this page is not right"
    if "text/html" in request.headers.get("accept", ""):
        return page(request, "message.html", status_code=status, heading=HTTPStatus(status).phrase, text=text)
    return JSONResponse({"detail": text}, status)

"""The tabs that Airflow shows at a DAG and at a run: they lead to the pages of the source and of the delivery."""

from __future__ import annotations

from urllib.parse import quote

from airflow.utils.session import create_session
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from growth_verticals.declarations import source_names
from growth_verticals.web import airflow_db
from growth_verticals.web.render import page
from growth_verticals.web.security import LoggedIn, require_readable

router = APIRouter()


@router.get("/dags/{dag_id}")
def dag_tab(request: Request, user: LoggedIn, dag_id: str) -> Response:
    """Return the tab of a DAG: of a source its page, of another DAG a sentence."""
    require_readable(user, dag_id)
    if dag_id in source_names():
        return RedirectResponse(f"{request.scope['root_path']}/sources/{quote(dag_id)}", 303)
    return _no_source(request, dag_id)


@router.get("/dags/{dag_id}/runs/{run_id:path}")
def run_tab(request: Request, user: LoggedIn, dag_id: str, run_id: str) -> Response:
    """Return the tab of a run: the delivery that it loads or corrects, or a sentence."""
    require_readable(user, dag_id)
    is_source = dag_id in source_names()
    with create_session() as session:
        run = airflow_db.read_run(dag_id, run_id, session=session) if is_source else None
        target = airflow_db.correction_target(run_id, session=session) if dag_id == "correct" else None
    if run is not None:
        return _delivery(request, dag_id, run.period, f"?run={quote(run_id, safe='')}")
    if target is not None:
        return _delivery(request, *target)
    if is_source:
        return page(request, "message.html", heading="No period", text="this run has no period: it loads no delivery")
    return _no_source(request, dag_id)


def _delivery(request: Request, source: str, period: str, query: str = "") -> Response:
    path = f"/sources/{quote(source, safe='')}/{quote(period, safe='')}"
    return RedirectResponse(f"{request.scope['root_path']}{path}{query}", 303)


def _no_source(request: Request, dag_id: str) -> Response:
    text = f"the DAG {dag_id} is of no source, so it has no deliveries"
    return page(request, "message.html", heading="No deliveries", text=text)

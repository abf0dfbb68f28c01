"""Who may see a page and who may act: login, rights to DAGs, protection against forged forms, and headers.

A page's route takes the user and the source from here, so it cannot forget to ask:

    user: LoggedIn              401 without a login
    source: ReadableSource      the path's `source`; 403 without the right to read its DAG, then 404 if there is none
    form: PostedForm            what a form sent; 403 if it does not come from our own page

Airflow's login cookie can be read by scripts, so one injected script would take over an account, and vendors choose the
names of files. Therefore templates escape everything, and the headers allow no script, style or frame but our own.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.auth.tokens import get_signing_key
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from airflow.configuration import conf
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException, Request
from starlette.datastructures import FormData, MutableHeaders

from growth_verticals.declarations import source_names

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    # With `no-referrer`, browsers send a form of our own page with the origin `null`.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class SecureHeaders:
    """Adds the headers to every response, those of errors too."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_headers)


async def logged_in(request: Request) -> BaseUser:
    """Return the user of the login cookie or the Bearer token. Raises 401 if Airflow does not accept it."""
    try:
        return await get_user(request, None, await bearer_scheme(request))
    except HTTPException as error:
        raise HTTPException(HTTPStatus.UNAUTHORIZED, "log in to Airflow, and open this page again") from error


LoggedIn = Annotated[BaseUser, Depends(logged_in)]


def readable_source(source: str, user: LoggedIn) -> str:
    """Return the source's name. Raises 403 without the right to read its DAG, 404 if there is no such source."""
    require_readable(user, source)
    if source not in source_names():
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no source of this name")
    return source


ReadableSource = Annotated[str, Depends(readable_source)]


def require_readable(user: BaseUser, dag_id: str) -> None:
    """Raise 403 if the user may not read the DAG."""
    if not _may(user, "GET", dag_id):
        raise HTTPException(HTTPStatus.FORBIDDEN, "you have no right to see this DAG")


def readable_sources(user: BaseUser) -> list[str]:
    """Return the names of the sources whose DAGs the user may read, sorted."""
    readable = get_auth_manager().get_authorized_dag_ids(user=user)
    return [name for name in source_names() if name in readable]


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What a user may do with a source, as Airflow decides it. Pages show only these buttons.

    :param run: start a run. `clear`: run a failed one again. `answer`: its required action.
    :param correct: start a correction. `approve`: its required action.
    """

    run: bool
    clear: bool
    answer: bool
    correct: bool
    approve: bool


def rights(user: BaseUser, source: str) -> Rights:
    """Return what the user may do. Airflow's API asks again when the user does it."""
    return Rights(
        run=_may(user, "POST", source, DagAccessEntity.RUN),
        clear=_may(user, "PUT", source, DagAccessEntity.TASK_INSTANCE),
        answer=_may(user, "PUT", source, DagAccessEntity.HITL_DETAIL),
        correct=_may(user, "POST", "correct", DagAccessEntity.RUN),
        approve=_may(user, "PUT", "correct", DagAccessEntity.HITL_DETAIL),
    )


def _may(user: BaseUser, method: Any, dag_id: str, entity: DagAccessEntity | None = None) -> bool:
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return get_auth_manager().is_authorized_dag(method=method, access_entity=entity, details=details, user=user)


async def session_token(request: Request) -> str:
    """Return the token with which the user is logged in, for calls of Airflow's API in the user's name."""
    bearer = await bearer_scheme(request)
    return bearer.credentials if bearer else request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")


SessionToken = Annotated[str, Depends(session_token)]


async def form_token(user: LoggedIn, session: SessionToken) -> str:
    """Return the token that a form must send back. It is worth nothing in another session, or to another user."""
    key = str(get_signing_key("api", "secret_key"))
    text = f"deliveries form\n{user.get_id()}\n{session}"
    return hmac.new(key.encode(), text.encode(), "sha256").hexdigest()


FormToken = Annotated[str, Depends(form_token)]


async def posted_form(request: Request, expected: FormToken) -> FormData:
    """Return what a form sent. Raises 403 unless it was sent from a page of ours in the same session."""
    form = await request.form(max_fields=1000, max_files=0)
    token = form.get("token")
    is_expected = isinstance(token, str) and hmac.compare_digest(token.encode(), expected.encode())
    if not is_expected or not _is_own_page(request):
        raise HTTPException(
            HTTPStatus.FORBIDDEN, "this form is not of your session: nothing was done. Open the page again"
        )
    return form


PostedForm = Annotated[FormData, Depends(posted_form)]


def _is_own_page(request: Request) -> bool:
    """Whether the browser says that a page of this server sent the request. Old browsers and programs say nothing."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = request.headers.get("origin")
    # A proxy can change the header Host, but then Airflow's base URL is what the browser sees.
    own = {request.headers.get("host", ""), urlsplit(conf.get("api", "base_url", fallback="")).netloc}
    return origin is None or urlsplit(origin).netloc in own - {""}

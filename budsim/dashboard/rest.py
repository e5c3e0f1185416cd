"""The REST interface as the page asks it: inside the process, with the token of whoever looks at the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from fastapi import FastAPI

from budsim.commons.security import bearer_of_basic

Json = dict[str, Any]
_TIMEOUT_S = 120.0


class AnswerError(Exception):
    """An answer that is an error; ``message`` says what is wrong and what to do, ``field`` where."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        param = body.get("param")
        self.status = status
        self.message = str(body.get("message") or f"The server answered {status}.")
        self.param: Json = dict(param) if isinstance(param, Mapping) else {}
        self.field = self.param.get("field")
        super().__init__(self.message)


class Rest:
    """Asks the application's own routes."""

    def __init__(self, app: FastAPI, authorization: str | None) -> None:
        """Ask with the visitor's rights.

        Args:
            app: The application.
            authorization: The visitor's ``Authorization`` header; a browser sends the token as a password.
        """
        self._app = app
        token = bearer_of_basic(authorization)
        self._headers = {"Authorization": token} if token else {}

    async def get(self, path: str, **query: Any) -> Json:
        """Return the answer of a GET.

        Raises:
            AnswerError: The answer is an error.
        """
        return await self._ask("GET", path, params={name: v for name, v in query.items() if v is not None})

    async def post(self, path: str, body: Any, **headers: str) -> Json:
        """Return the answer of a POST.

        Raises:
            AnswerError: The answer is an error.
        """
        return await self._ask("POST", path, json=body, headers=headers)

    async def put(self, path: str, body: Any) -> Json:
        """Return the answer of a PUT.

        Raises:
            AnswerError: The answer is an error.
        """
        return await self._ask("PUT", path, json=body)

    async def delete(self, path: str) -> Json:
        """Return the answer of a DELETE.

        Raises:
            AnswerError: The answer is an error.
        """
        return await self._ask("DELETE", path)

    async def _ask(self, method: str, path: str, **request: Any) -> Json:
        request["headers"] = {**self._headers, **request.get("headers", {})}
        transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://budsim", timeout=_TIMEOUT_S) as client:
            answer = await client.request(method, path, **request)
        try:
            body = answer.json()
        except ValueError:
            body = {"message": answer.text[:500]}
        if answer.is_error:
            raise AnswerError(answer.status_code, body if isinstance(body, Mapping) else {})
        return dict(body) if isinstance(body, Mapping) else {"items": body}

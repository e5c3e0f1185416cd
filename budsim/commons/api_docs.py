"""The REST interface's own page, ``/docs``, without anybody else's server: assets and all.

There is no ``/redoc``: ReDoc asks its maker's server for a picture, whatever the page says.
"""

from __future__ import annotations

from importlib.resources import files

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

_ASSETS = "docs-assets"


def serve_docs(app: FastAPI) -> None:
    """Serve the page. Addresses in it are relative, so that they hold behind a proxy's prefix as well."""
    app.mount(f"/{_ASSETS}", StaticFiles(directory=str(files("fastapi_offline") / "static")), name=_ASSETS)
    icon = f"{_ASSETS}/favicon.png"

    @app.get("/docs", include_in_schema=False)
    def swagger_page() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=f"{app.title} · Swagger UI",
            swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{_ASSETS}/swagger-ui.css",
            swagger_favicon_url=icon,
        )

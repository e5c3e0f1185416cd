# syntax=docker/dockerfile:1
# BudSim's image: a virtual environment of hashed packages, a user without rights, nothing written outside its volumes.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv /opt/venv
COPY requirements.txt requirements-dev.txt ./
RUN /opt/venv/bin/pip install --quiet --require-hashes -r requirements.txt
# The build backend comes with a hash too: its entry of the development lock, into an environment that is left behind.
RUN python -m venv /opt/backend \
    && awk '/^[^ #]/ { keep = /^setuptools==/ } keep' requirements-dev.txt > backend.txt \
    && /opt/backend/bin/pip install --quiet --require-hashes -r backend.txt
COPY pyproject.toml README.md LICENSE ./
COPY alembic ./alembic
COPY examples ./examples
COPY cache ./cache
COPY budsim ./budsim
RUN /opt/backend/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/venv/bin/pip install --quiet --no-deps --no-index dist/budsim-*.whl

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="BudSim" \
      org.opencontainers.image.description="Predicts LLM serving performance and finds the deployment that meets the targets" \
      org.opencontainers.image.licenses="AGPL-3.0-only"
RUN groupadd --gid 10001 budsim \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/budsim --create-home --shell /usr/sbin/nologin budsim \
    && mkdir -p /models && chown budsim:budsim /models
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY alembic.ini ./
COPY alembic ./alembic
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    APP_PORT=8080 \
    LOG_FORMAT=json \
    BUDSIM_DATA_DIR=/var/lib/budsim \
    HOME=/var/lib/budsim \
    HF_HOME=/var/lib/budsim/huggingface \
    NUMBA_CACHE_DIR=/tmp/numba \
    MODEL_REGISTRY_DIR=/models
USER 10001:10001
VOLUME ["/var/lib/budsim"]
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['APP_PORT']}/health\", timeout=2)"]
# Every interface needs a token: run it with APP_API_TOKEN (or DAPR_API_TOKEN) set.
CMD ["budsim", "serve", "--host", "0.0.0.0", "--port", "8080"]

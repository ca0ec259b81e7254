# The adapter in a container: no build tools, no root, no shell needed. Settings come from the environment
# (docs/settings.md). Without REDIS_URL it starts a store of its own in /data: mount a volume there.
#
#   docker build --tag mix2api .
#   docker run --env-file .env --publish 3001:3001 --volume mix2api-data:/data mix2api

FROM python:3.11-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY mix2api mix2api
# The wheels go into a folder of their own, so that the image has neither pip's cache nor this source.
RUN python -m venv /opt/mix2api \
    && /opt/mix2api/bin/pip install --no-cache-dir --no-compile '.[embedded]'

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home --home-dir /data mix2api
COPY --from=build /opt/mix2api /opt/mix2api
ENV PATH=/opt/mix2api/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MIX2API_HOST=0.0.0.0 \
    MIX2API_DATA_DIR=/data/store \
    MIX2API_LOG_FORMAT=json \
    PORT=3001
WORKDIR /data
USER 10001
VOLUME /data
EXPOSE 3001
STOPSIGNAL SIGTERM
# Liveness: a container that is not ready for a while (Redis away) must not be killed for it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/health/live\", timeout=2)"]
ENTRYPOINT ["mix2api"]
CMD ["serve"]

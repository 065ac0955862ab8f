# 12345 热线：一个镜像，一条命令。构建时装好两个环境、页面与对话模型，运行时不再联网。
FROM debian:12-slim AS build
ENV DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3.11 python3.11-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/hotline
COPY . .
RUN ./hotline train && ./hotline doctor \
    && python3.11 gateway/bootstrap.py ensure up \
    && rm -rf .hotline/data .hotline/pip-env web/node_modules /root/.cache

FROM debian:12-slim
ENV DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1 HOTLINE_DATA_DIR=/data
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3.11 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 12345 hotline \
    && useradd --system --uid 12345 --gid 12345 --home-dir /data --shell /usr/sbin/nologin hotline \
    && install -d -o hotline -g hotline -m 0700 /data
COPY --from=build --chown=hotline:hotline /opt/hotline /opt/hotline
WORKDIR /opt/hotline
USER 12345:12345
VOLUME /data
EXPOSE 8080/tcp 5060/udp 20000-20999/udp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=3 CMD ["./hotline", "status", "--json"]
CMD ["./hotline", "up"]

# Debian's PostgreSQL, which takes the variables, the secret and the volume of the official image.
FROM python:3.11-slim-bookworm
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-15 \
    && rm -rf /var/lib/apt/lists/*
ENV PATH=/usr/lib/postgresql/15/bin:$PATH PGDATA=/var/lib/postgresql/data
STOPSIGNAL SIGINT
COPY postgres.sh /
CMD ["sh", "-eu", "/postgres.sh"]

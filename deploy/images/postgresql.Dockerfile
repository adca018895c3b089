# PostgreSQL 15 to 18 with keras_automl, from the root of the repository:
#   docker build -f deploy/images/postgresql.Dockerfile --build-arg POSTGRES=17 -t keras_automl:17 .
#
# SUITE is the release of Debian of the official image: bookworm has Python 3.11, trixie Python 3.13.
ARG POSTGRES=17
ARG SUITE=bookworm
FROM postgres:${POSTGRES}-${SUITE}
ARG POSTGRES
COPY . /usr/src/keras_automl
WORKDIR /usr/src/keras_automl
RUN apt-get update \
 && apt-get install -y --no-install-recommends postgresql-plpython3-${POSTGRES} postgresql-server-dev-${POSTGRES} python3-venv make \
 && PG_CONFIG=/usr/lib/postgresql/${POSTGRES}/bin/pg_config deploy/install --prefix /opt/keras_automl/venv \
 && apt-get purge -y postgresql-server-dev-${POSTGRES} && apt-get autoremove -y && rm -rf /var/lib/apt/lists/* /root/.cache
COPY deploy/images/extension.sql /docker-entrypoint-initdb.d/keras_automl.sql
WORKDIR /

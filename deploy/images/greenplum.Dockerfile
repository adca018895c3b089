# keras_automl on an image of Greenplum 6 with plpython3u, which you bring: there is no official one.
#   docker build -f deploy/images/greenplum.Dockerfile --build-arg BASE=your/greenplum:6.24.3 -t keras_automl:greenplum6 .
#
# The image must have bash, make, tar, ldd, and venv for the Python that plpython3.so is linked to (3.11 or newer). BASE starts
# the cluster and takes connections on port 5432; where its Greenplum lies is GPHOME, and BASE_USER who starts it.
ARG BASE
FROM ${BASE}
ARG GPHOME=/usr/local/greenplum-db
ARG BASE_USER=root
USER root
COPY . /usr/src/keras_automl
RUN cd /usr/src/keras_automl && deploy/install --prefix /opt/keras_automl/venv --pg-config ${GPHOME}/bin/pg_config
USER ${BASE_USER}

"""Fixtures that find a Greenplum cluster for the tests that are marked `greenplum`."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def greenplum() -> Iterator[str]:
    """The DSN of a Greenplum cluster: the one given, else a container of the image given, else the test is skipped."""
    dsn, image = os.environ.get("AUTOML_TEST_GREENPLUM_DSN"), os.environ.get("AUTOML_TEST_GREENPLUM_IMAGE")
    if dsn:
        yield dsn
        return
    if not image:
        pytest.skip("neither AUTOML_TEST_GREENPLUM_DSN nor AUTOML_TEST_GREENPLUM_IMAGE is set")
    yield from greenplum_container(image)


def greenplum_container(image: str) -> Iterator[str]:
    """Run a container of `image` for as long as the DSN is needed; skip where there is no Docker."""
    docker = pytest.importorskip("docker")
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.waiting_utils import wait_for_logs

    try:
        docker.from_env().ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine answers: {error}")
    with DockerContainer(image).with_exposed_ports(5432) as container:
        wait_for_logs(container, "database system is ready to accept connections", timeout=300)
        host, port = container.get_container_host_ip(), container.get_exposed_port(5432)
        yield f"postgresql://gpadmin@{host}:{port}/postgres"

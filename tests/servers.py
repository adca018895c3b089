"""The servers that tests of SQL run on, a row each: the variables that lead to them, and whether they have segments."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Server:
    """A kind of server.

    Attributes:
        dsn: the variable that has the DSN of one that runs.
        image: the variable that names an image from which a container is started, where that is possible.
        segmented: whether it is a cluster with segments.
    """

    dsn: str
    image: str | None = None
    segmented: bool = False

    @property
    def variables(self) -> tuple[str, ...]:
        return (self.dsn,) if self.image is None else (self.dsn, self.image)

    @property
    def is_there(self) -> bool:
        return any(map(os.environ.get, self.variables))

    @contextmanager
    def running(self) -> Iterator[str]:
        """Give the DSN of the one that runs, else of a container of the image; skip the test if there is neither."""
        dsn, image = os.environ.get(self.dsn), self.image and os.environ.get(self.image)
        if dsn:
            yield dsn
        elif image:
            with _container(image) as dsn:
                yield dsn
        else:
            pytest.skip(f"not set: {' or '.join(self.variables)}")


@contextmanager
def _container(image: str) -> Iterator[str]:
    """Run a container of an image; skip where there is no Docker."""
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


SERVERS = {
    "postgresql": Server("AUTOML_TEST_DSN"),  # which `make test` starts and sets
    "greenplum": Server("AUTOML_TEST_GREENPLUM_DSN", "AUTOML_TEST_GREENPLUM_IMAGE", segmented=True),
}
SEGMENTED = [name for name, each in SERVERS.items() if each.segmented]

"""What a place says about itself: of the GPUs of its host, of what is installed, of the session that is ready there."""

from __future__ import annotations

from dataclasses import dataclass

from keras_seg.protocol.messages import Message


@dataclass(frozen=True)
class Gpu:
    """A GPU.

    Attributes:
        name: as CUDA_VISIBLE_DEVICES takes it; empty where TensorFlow told of it.
        description: for people.
    """

    name: str
    description: str


@dataclass(frozen=True)
class GpuReport(Message):
    """The GPUs of a host.

    Attributes:
        host: its name.
        problem: what keeps it from telling.
    """

    host: str
    gpus: tuple[Gpu, ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class Inspection(Message):
    """What is found where a session runs.

    Attributes:
        host: its name.
        site: folder that is imported from.
        processors: that the server may use.
        memory_mb: that could be taken now without swapping; None where nobody can tell.
        gpus: for people.
        python, tensorflow, keras, numpy: versions; None for what is missing.
    """

    host: str
    site: str
    processors: int
    memory_mb: int | None
    python: str
    tensorflow: str | None
    keras: str | None
    numpy: str | None
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True)
class Readiness(Message):
    """What a session says about itself when TensorFlow is there: a run keeps it in its record.

    Attributes:
        python, tensorflow, keras, numpy: versions.
        threads: of TensorFlow.
        gpus: that the session may use.
        pid: of its process.
        import_seconds: that TensorFlow's import took.
        memory_mb: of the process at its largest.
    """

    python: str
    tensorflow: str
    keras: str
    numpy: str
    threads: int
    gpus: tuple[str, ...]
    pid: int
    import_seconds: float
    memory_mb: int

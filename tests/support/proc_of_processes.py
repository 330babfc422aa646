"""A /proc of our own making, with processes and their descriptors."""

from pathlib import Path


def make_process(proc: Path, pid: int, comm: bytes | None, *links: str) -> Path:
    """A process with descriptors 0, 1, 2 … that lead there; without a name when `comm` is None."""
    descriptors = proc / str(pid) / "fd"
    descriptors.mkdir(parents=True)
    for number, link in enumerate(links):
        (descriptors / str(number)).symlink_to(link)
    if comm is not None:
        (proc / str(pid) / "comm").write_bytes(comm)
    return descriptors

"""Sockets by the text of /proc/net/tcp and tcp6, where sock_diag is missing or forbidden."""

from pathlib import Path

from twtop.sources.probe import ALL_SOCKETS, CollectError, Request, Sample, Unavailable, own_directory, take_sample

PROCFS = "procfs"


def read_procfs(proc: str = "/proc", request: Request = ALL_SOCKETS) -> Sample:
    """Read the text of net/tcp and net/tcp6 as the dump, counters, sysctls and clocks of the calling thread's network
    namespace. It always has all sockets. Raises CollectError.
    """
    return take_sample(PROCFS, lambda: read_tables(proc), proc, ALL_SOCKETS if request.states else request)


def read_tables(proc: str) -> bytes:
    """The text of net/tcp, and of net/tcp6 where there is IPv6, each with its heading line. Raises CollectError."""
    own = own_directory(proc)
    try:
        with Path(own, "net/tcp").open("rb", buffering=0) as file:
            tables = file.read()
    except (FileNotFoundError, PermissionError) as error:
        raise Unavailable(f"cannot read /proc/net/tcp: {error.strerror}") from error
    except OSError as error:
        raise CollectError(f"cannot read /proc/net/tcp: {error.strerror}") from error
    try:
        with Path(own, "net/tcp6").open("rb", buffering=0) as file:
            return tables + file.read()
    except FileNotFoundError:
        return tables
    except OSError as error:
        raise CollectError(f"cannot read /proc/net/tcp6: {error.strerror}") from error

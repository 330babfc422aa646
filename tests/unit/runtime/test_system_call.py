"""A system call is made by Python's function, from 3.12 on for namespaces, or by libc's."""

import errno
import os

import pytest

from twtop.runtime.system_call import system_call
from twtop.sources.netns import CLONE_NEWNET


@pytest.mark.parametrize("own", [True, False])
def test_a_system_call_that_fails_raises_what_the_kernel_says(monkeypatch: pytest.MonkeyPatch, own: bool) -> None:
    if own and not hasattr(os, "setns"):
        pytest.skip("this Python has no os.setns()")
    if not own:
        monkeypatch.delattr(os, "setns", raising=False)
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        system_call("setns", 4711, CLONE_NEWNET)
    assert caught.value.errno == errno.EBADF

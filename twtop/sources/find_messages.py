"""Where the netlink messages of a sock_diag dump are, and one field of them all at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twtop.model import Rows
from twtop.records import dataclass
from twtop.sources.probe import TCPDIAG_GETSOCK, CollectError, Dump

NLM_F_MULTI = 0x2
KNOWN_FLAGS = 0xFFCF  # all but NLM_F_DUMP_INTR and NLM_F_DUMP_FILTERED

MESSAGE = np.dtype(
    [
        *(("length", "=u4"), ("type", "=u2"), ("flags", "=u2"), ("sequence", "=u4"), ("pid", "=u4")),
        *(("family", "u1"), ("state", "u1"), ("timer", "u1"), ("retransmits", "u1")),
        *(("lport", ">u2"), ("rport", ">u2"), ("local", ">u4", 4), ("remote", ">u4", 4), ("device", "=u4")),
        *(("cookie", "=u8"), ("expires", "=u4"), ("rqueue", "=u4"), ("wqueue", "=u4")),
        *(("uid", "=u4"), ("inode", "=u4")),
    ]
)
"""struct nlmsghdr and struct inet_diag_msg (linux/netlink.h, linux/inet_diag.h), before any attribute."""

WORD, WORD_BITS = 4, 2
"""Bytes: netlink aligns messages and attributes to this (NLMSG_ALIGNTO)."""

MESSAGE_WORDS = MESSAGE.itemsize // WORD
LENGTH_WORD, TYPE_WORD, SEQUENCE_WORD, PID_WORD = range(4)
"""Where a message has its length, its type and flags, its sequence number and its port id."""

HEAD, KNOWN_HEAD = (
    int(np.array(halves, np.uint16).view(np.uint32)[0])
    for halves in ([TCPDIAG_GETSOCK, NLM_F_MULTI], [0xFFFF, KNOWN_FLAGS])
)
"""Type and flags of every message, and which of their bits count."""

FEW, WORTH = 8, 40_000
"""So many stretches cost little, and each one more about as much as to search so many words for headers."""

FIRST_LOOK, FURTHER = 1024, 16
"""How many messages the first look at a stretch takes, and how many times more each further one."""

Part = range | Rows
"""Words at which messages begin: at equal steps, or anywhere."""


@dataclass(frozen=True, slots=True, eq=False)
class Messages:
    """The messages of a dump: the words at which they begin, in order."""

    words: NDArray[np.uint32]
    parts: tuple[Part, ...]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def starts(self) -> Rows:
        """The word at which each message begins."""
        starts = [np.arange(p.start, p.stop, p.step) if isinstance(p, range) else p for p in self.parts]
        return np.concatenate(starts) if starts else np.empty(0, np.intp)

    def field(self, name: str) -> NDArray[Any]:
        """A field of MESSAGE, of each message."""
        columns = [self._of_part(name, part) for part in self.parts]
        return np.concatenate(columns) if columns else np.empty(0, MESSAGE[name])

    def _of_part(self, name: str, part: Part) -> NDArray[Any]:
        kind, offset = MESSAGE[name], _offset(name)
        if isinstance(part, range):
            return np.ndarray(len(part), kind, self.words, part.start * WORD + offset, (part.step * WORD,))
        everywhere = np.ndarray(len(self.words) - MESSAGE_WORDS + 1, kind, self.words, offset, (WORD,))
        return everywhere[part]

    def records(self, starts: Rows) -> NDArray[np.void]:
        """The messages that begin at these words, as records of MESSAGE.

        They are copied as plain bytes, which numpy copies whole; it copies records field by field.
        """
        if not len(starts):
            return np.empty(0, MESSAGE)
        room = len(self.words) - MESSAGE_WORDS + 1
        windows = np.ndarray(room, f"V{MESSAGE.itemsize}", self.words, strides=(WORD,))
        return windows[starts].view(MESSAGE)


def find_messages(dump: Dump) -> Messages:
    """The messages of a dump. Raises CollectError.

    They are those of a walk from the first message by the length of each to the next, without a gap. The type and the
    dump's sequence number and port id must be in each header. Most messages are those of TIME_WAIT and as long as each
    other, so the walk takes a whole stretch of equal headers as one step. Where stretches are short, since connections
    stand between, headers are searched by the sequence number, which is random.
    """
    words = np.frombuffer(dump, np.uint32)
    if len(words) and len(dump) < MESSAGE.itemsize:
        raise CollectError(f"socket dump is cut off: {len(dump)} bytes are less than one message")
    parts, at, is_searched = list[Part](), 0, False
    while at < len(words):
        if not is_searched and len(parts) >= FEW + at // WORTH:
            is_searched = True
            if (rest := _search(words, at)) is not None:
                parts.append(rest)
                break
        stretch = _stretch(words, at)
        parts.append(stretch)
        at = stretch.stop
    return Messages(words, tuple(parts))


def _stretch(words: NDArray[np.uint32], at: int) -> range:
    """The messages from this word on that have equal headers, one at least. Raises CollectError if there is none."""
    if at + MESSAGE_WORDS > len(words):
        raise _damaged(words, at)
    length, head, *serial = words[at : at + 4].tolist()
    if length < MESSAGE.itemsize or head & KNOWN_HEAD != HEAD or serial != words[SEQUENCE_WORD : PID_WORD + 1].tolist():
        raise _damaged(words, at)
    step = -(-length // WORD)
    if at + step > len(words):
        raise _damaged(words, at + step)
    count = (len(words) - at) // step
    lengths, serials = (
        np.ndarray(count, np.uint64, words, (at + word) * WORD, (step * WORD,)) for word in (LENGTH_WORD, SEQUENCE_WORD)
    )  # with the word behind each
    return range(at, at + _alike(lengths, serials) * step, step)


def _alike(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> int:
    """In how many rows from the start on both columns have what they have in the first one."""
    start, size = 0, FIRST_LOOK
    while start < len(first):
        rows = slice(start, start + size)
        differ = (first[rows] != first[0]) | (second[rows] != second[0])
        if differ.any():
            return start + int(differ.argmax())
        start, size = start + size, FURTHER * size
    return len(first)


def _search(words: NDArray[np.uint32], at: int) -> Rows | None:
    """Where the messages from this word on begin; None if their lengths do not lead from each to the next."""
    starts = np.flatnonzero(words[at:] == words[SEQUENCE_WORD]) + (at - SEQUENCE_WORD)
    starts = starts[(starts >= at) & (starts <= len(words) - MESSAGE_WORDS)]
    genuine = words[TYPE_WORD:].take(starts) & np.uint32(KNOWN_HEAD) == HEAD
    genuine &= words[PID_WORD:].take(starts) == words[PID_WORD]
    starts = starts if genuine.all() else starts[genuine]
    lengths = words.take(starts).astype(np.intp)
    ends = starts + ((lengths + WORD - 1) >> WORD_BITS)
    if not len(starts) or starts[0] != at or ends[-1] != len(words):
        return None
    follow = (ends[:-1] == starts[1:]).all() and (lengths >= MESSAGE.itemsize).all()
    return starts if follow else None


def _offset(name: str) -> int:
    """The byte of MESSAGE at which this field begins."""
    assert MESSAGE.fields
    return int(MESSAGE.fields[name][1])


def _damaged(words: NDArray[np.uint32], at: int) -> CollectError:
    return CollectError(f"socket dump is damaged: no TCP socket message at byte {at * WORD} of {len(words) * WORD}")

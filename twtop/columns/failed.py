"""Failed connects in figures and words, for rows and titles."""

from twtop import formatting as fmt
from twtop.budgets.shared_failures import told_apart
from twtop.frame.groups import Groups
from twtop.frame.row_failures import Failed

FAILED = "✖"
"""Stands before a figure of failed connects where no head or word says what it is."""

SIGNS = {(False, False): "", (True, False): "≤", (False, True): "≥", (True, True): "~"}
"""(at most, at least) → the sign of a figure."""


def per_s(failed: Failed) -> str:
    """Those per second now, without a unit.

    >>> per_s(Failed(149.0, 2310.0, at_most=True, at_least=False, among=3))
    '≤149'
    """
    return _signed(fmt.rate(failed.per_s), failed)


def last_60s(failed: Failed) -> str:
    """How many in the last minute.

    >>> last_60s(Failed(149.0, 2310.0, at_most=False, at_least=False, among=-1))
    '2,310'
    """
    return _signed(fmt.count(failed.last_60s), failed)


def among(failed: Failed, groups: Groups) -> str:
    """Between which destinations nobody knows what failed: “to 443 or 8443”; empty where that is known."""
    if failed.among < 0:
        return ""
    return told_apart(groups.destinations, groups.budgets, groups.addresses, failed.among)


def phrase(failed: Failed, groups: Groups) -> str:
    """“149/s fail to 443 or 8443, 2,310 in 60 s”, now or in the last minute; empty where none does or nobody knows."""
    if to := among(failed, groups):
        failed, to = failed._replace(at_most=False), f" {to}"
    if failed.per_s > 0:
        return f"{per_s(failed)}/s fail{to}, {last_60s(failed)} in 60 s"
    return f"{last_60s(failed)} failed{to} in 60 s" if failed.last_60s > 0 else ""


def last_60s_among(failed: Failed, groups: Groups, width: int) -> str:
    """How many in the last minute; where there is room, also between which destinations nobody knows what failed."""
    to = among(failed, groups) if failed.last_60s > 0 else ""
    whole = f"{last_60s(failed._replace(at_most=False))} {to}"
    return whole if to and len(whole) <= width else last_60s(failed)


def _signed(figure: str, failed: Failed) -> str:
    return figure if figure == fmt.UNKNOWN else SIGNS[failed.at_most, failed.at_least] + figure

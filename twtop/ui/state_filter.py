"""A filter by one state, put on and taken off a filter that may already be in force."""

from twtop.model import TcpState
from twtop.query import And, Everything, Query, StateTest


def kept_state(query: Query) -> TcpState | None:
    """The one state that the query keeps, if it is or joins a test of one.

    >>> kept_state(StateTest(TcpState.LISTEN)), kept_state(Everything())
    (<TcpState.LISTEN: 10>, None)
    """
    return next((test.state for test in _joined(query) if isinstance(test, StateTest)), None)


def with_state(query: Query, state: TcpState) -> Query:
    """The query for this state alone, in place of any other; for the state that it already keeps, the rest of it."""
    rest = tuple(test for test in _joined(query) if not isinstance(test, Everything | StateTest))
    tests = rest if kept_state(query) is state else (*rest, StateTest(state))
    return Everything() if not tests else tests[0] if len(tests) == 1 else And(tests)


def _joined(query: Query) -> tuple[Query, ...]:
    return query.tests if isinstance(query, And) else (query,)

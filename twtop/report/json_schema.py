"""The JSON Schema of twtop/1, made of the fields themselves: twtop/share/ has it for others to read."""

from twtop.columns.field import COUNT, In, Shape, object_of
from twtop.columns.peers import PEERS
from twtop.columns.sockets import SOCKETS
from twtop.report.schema import HEAD, SCHEMA, VERDICT


def json_schema() -> dict[str, object]:
    """One object of `-o json`, as JSON Schema 2020-12. It allows fields that it does not know: more may come."""
    whole = object_of(HEAD, peers=_peers(), verdicts=_verdicts())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SCHEMA,
        "description": "One tick of `twtop -o json`. Unknown is null, never 0.",
        **whole,
        "properties": {**_properties(whole), "sockets": _sockets()},
    }


def _properties(shape: Shape) -> dict[str, object]:
    found = shape["properties"]
    assert isinstance(found, dict)
    return found


def _array(meaning: str, items: Shape) -> Shape:
    return {"type": "array", "items": items, "description": meaning}


def _peers() -> Shape:
    worst = {**COUNT, "description": "Index of the most pressed of the destinations."}
    return _array(
        "What has connections that the filter keeps, most pressed first: a remote address, or what --group asks for.",
        object_of(PEERS.fields(In.GROUP), worst=worst, destinations=_destinations()),
    )


def _destinations() -> Shape:
    """An object with a field that only outbound ones have must have all of theirs."""
    others = [field.name for field in PEERS.fields(In.OTHER)]
    telling = next(field.name for field in PEERS.fields(In.OUTBOUND) if field.name not in others)
    return _array(
        "Port budgets of the destinations, most pressed first; a budget counts all sockets, whatever the filter.",
        {
            "if": {"required": [telling]},
            "then": object_of(PEERS.fields(In.OUTBOUND)),
            "else": object_of(PEERS.fields(In.OTHER)),
        },
    )


def _verdicts() -> Shape:
    return _array("What this many TIME_WAIT cost here, now.", object_of(VERDICT))


def _sockets() -> Shape:
    return _array("With --sockets: every socket that the filter keeps.", object_of(SOCKETS.fields(In.SOCKET)))

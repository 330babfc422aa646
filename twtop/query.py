"""The filter language: a query tree, its text, and the sockets that it selects.

    >>> query = parse("(10.0.0.0/8:443 or nginx) !tw")
    >>> unparse(query)
    '((peer 10.0.0.0/8 and dport 443) or process nginx) and not state time-wait'

`text → tree` is in query_parser.py and query.lark.
"""

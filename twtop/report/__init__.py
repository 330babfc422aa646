"""Frame → text, JSON, CSV: pure functions, with no word of a screen. What a row says stands in twtop.columns.

schema       the fields of one tick in the schema twtop/1
json_text    the document of these fields
json_schema  the JSON Schema of that document, as it is published
text         batch text, like that of `top -b`
csv_rows     CSV, and a single row as name=value
formats      the forms of batch output by name
"""

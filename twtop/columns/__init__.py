"""The columns of the peers and sockets tables: what the screen, batch text, CSV and JSON show of a row, said once.

tones         what a piece of text means, and lines of an exact width
gauge         the port budget of a destination as a bar
field         a named value of JSON and CSV, with its JSON Schema
column        a column of the screen, of batch text and of records; the registry that holds them
values        numpy columns → plain values, None for what is unknown
failed        failed connects in figures and words
peer_rows     one row of the peers table, and many in numpy columns
peer_cells    what each cell of a row of the peers table draws
peer_figures  columns of port budgets as figures of text, CSV and JSON
peer_texts    what batch text has of the rows of the peers table
peers         the registry of the peers table
socket_rows   one socket, and many in numpy columns
sockets       the registry of the sockets table
"""

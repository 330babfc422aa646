"""The socket table from dump to dump: which socket is which, and what of the last table still holds.

socket_table  columns as a source gives them → Sockets, and two tables → one
identity      an identity for sockets whose source tells none
origin        which row of the table before each row was
renewal       the table before, and the rows that are new → the table of now
turnover      what came and went, while all else waited in TIME_WAIT
delta         two tables → what changed from one to the other, and back
delta_codec   what changed ↔ bytes, for recordings and other hosts
packed_columns  columns of whole numbers ↔ few bytes
"""

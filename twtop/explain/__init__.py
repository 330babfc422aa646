"""What happens at this many TIME_WAIT, by the numbers of this machine, and what would help.

explanation   what presses, fixes and claims, in the order in which they are read; as text
claims        the common claims about TIME_WAIT, each with its live number
fixes         what would help here, in the order in which to try it
port_fixes    the fixes for a budget that is short of ports
bucket_fixes  the fixes for a table of buckets that is nearly full
leak          who holds the CLOSE_WAIT that stay, and what to look for
short_budget  the budget that is short, with what is asked of it
fix           what a fix is, and what it promises
"""

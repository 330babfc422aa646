"""What happens at this many TIME_WAIT, by the numbers of this machine.

claims  the common claims about TIME_WAIT, each with its live number
fixes   what would help here, in the order in which to try it
"""

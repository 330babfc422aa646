"""What this many TIME_WAIT cost here and now: short answers, each with its level and its live number.

verdicts      all of them, in the order of the strip
verdict       what a verdict is, and what every judge of one needs
ports         PORTS: the port budget that is nearest to its end
connect_cost  CONNECT: how long connect() searches for a port
unanswered    SYN: connect() calls that nobody answers, or that fail at once
buckets       BUCKETS: how near the namespace is to tcp_max_tw_buckets
memory        MEMORY: what TIME_WAIT hold of the kernel's memory
fds           FDS: who holds file descriptors, since TIME_WAIT hold none
drops         DROPS: what the kernel drops here, and where, and what is near to it
"""

"""Who holds which socket.

inode_map           inode → process, in columns
fd_search           the search in /proc/PID/fd, at a small share of one CPU
suspects            who holds sockets that end before a search can find them
sightings           what was seen of these between two dumps
attribution         sockets + holders → owners, remembered and inferred ones too
detail              one process: its user, command line, descriptors and their limit
"""

"""Who holds which socket.

inode_map           inode → process, in columns
fd_search           the search in /proc/PID/fd, at a small share of one CPU
attribution         sockets + holders → owners, remembered and inferred ones too
detail              one process: its user, command line, descriptors and their limit
"""

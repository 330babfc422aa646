"""What the process is given and what it gives up.

interpreter     what the interpreter, malloc and numpy's threads are told, each line with its benchmark
unused_modules  what numpy imports and twtop never uses
privileges      what root's process gives up, because no feature that was asked for uses it
system_call     a system call by libc
"""

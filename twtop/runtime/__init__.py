"""What the process is given before it works.

interpreter  what the interpreter, malloc and numpy's threads are told, each line with its benchmark
system_call  a system call by libc
"""

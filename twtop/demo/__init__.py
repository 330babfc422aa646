"""Real loads in a private network namespace.

scenarios      the scenarios: what each shows, and its streams of connections
lab            one scenario at work in a child process, while twtop looks on
reports        what that child says, and neither waits for the other
load           connections at a rate, and statistics of connect()
private_netns  the network namespace for it, without root
"""

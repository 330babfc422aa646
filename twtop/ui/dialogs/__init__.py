"""Screens over the main screen.

dialog      what they have in common
explain     what happens at this many TIME_WAIT
help        every key, the filter language, every column
marks       the marks with their key figures
namespaces  the network namespaces of this machine
"""

"""The live monitor: it draws Frames and asks the engine for views. It never reads the kernel itself.

app              the Textual application: theme, command palette
monitor          the main screen: its panels, its keys, and the engine that feeds it
engine_holder    the engine, and what the user wants of it
messages         what the engine's threads post to the screen
keys             every key, once
mark             a moment that the user notes, with its key figures
theme_file       the chosen theme from one run to the next
terminal_driver  draws on the terminal, reads the keys, stops and goes on
terminal_watch   ends the process when it is told to or its terminal is gone
panels           parts of the main screen, independent of each other
dialogs          screens over the main screen
actions          what keys do that involves more than one panel
kit              what panels and dialogs are made of
"""

"""Files that users name, or that are made for them.

small_file  reads a small file of text, and refuses whatever is none
draft       writes a file whole or not at all, and never over something else
"""

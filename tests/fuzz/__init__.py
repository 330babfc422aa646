"""`make fuzz`: bytes that no kernel would send, against plain decoders of the same bytes.

target         what a target is, and a reader of drawn bytes
targets/       a file each: what is called, what it may raise, and what the plain way makes of the same bytes
registry       all targets by name
engine         one target under atheris (libFuzzer), which is guided by the lines that an input reaches
__main__       all targets on all cores for some minutes; the seed, the findings
replay         what is in the corpus, once more and without atheris
seeds          writes the real bytes that the corpus begins with
corpus/        a folder for each target: inputs by their hash, and in `found` those that once were findings

The corpus has three kinds of files: `real-…` (of `seeds`), hashes (inputs that reach lines which no other reaches:
`make fuzz ARGS=--keep`), and what was found.
"""

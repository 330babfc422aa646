"""The live monitor: draws Frames, asks the engine for Views, and never reads the kernel itself."""

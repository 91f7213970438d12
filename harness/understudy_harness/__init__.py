"""Run the same samples through several arms and say how much of the gap closed, with honest error bars."""

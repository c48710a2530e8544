"""Model R written by hand for others: SimPy, plain NumPy, C. What the kernel's speed stands beside."""

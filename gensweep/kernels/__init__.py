"""The kernels in C, and the same in PyTorch."""

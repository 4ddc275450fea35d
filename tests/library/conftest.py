"""What these tests need is NumPy, PyTorch, pytest and hypothesis; nothing of the book."""

import torch

torch.set_num_threads(1)  # on small arrays two threads mostly wait for each other

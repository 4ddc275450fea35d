"""Tests of the PyTorch half and of the studies: no book, no browser."""

import torch

torch.set_num_threads(1)  # on small arrays two threads mostly wait for each other

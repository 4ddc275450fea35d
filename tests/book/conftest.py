"""Tests of the book's text and of what builds it: no page of the book itself, no browser."""

import torch

torch.set_num_threads(1)  # on small arrays two threads mostly wait for each other

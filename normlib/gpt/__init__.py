"""The PyTorch half: a small GPT with a norm wherever you want it, trained and compared fairly."""

from normlib.gpt._hf import load_tokenizer
from normlib.gpt.checkpoints import load_model, save_model
from normlib.gpt.data import Text, draw_batch, load_text
from normlib.gpt.jobs import SweepError
from normlib.gpt.model import GPT, Block, GPTConfig
from normlib.gpt.norms import DynamicTanh, make_norm
from normlib.gpt.progress import progress_line, sweep_line
from normlib.gpt.run_diagnosis import diagnose_run
from normlib.gpt.surgery import fold_affine, gains, remove_norm, to_rmsnorm
from normlib.gpt.sweeps import Grid, grid, sweep
from normlib.gpt.train_config import TrainConfig, learning_rate
from normlib.gpt.training import Step, Trainer, train

__all__ = [
    "GPT",
    "Block",
    "DynamicTanh",
    "GPTConfig",
    "Grid",
    "Step",
    "SweepError",
    "Text",
    "TrainConfig",
    "Trainer",
    "diagnose_run",
    "draw_batch",
    "fold_affine",
    "gains",
    "grid",
    "learning_rate",
    "load_model",
    "load_text",
    "load_tokenizer",
    "make_norm",
    "progress_line",
    "remove_norm",
    "save_model",
    "sweep",
    "sweep_line",
    "to_rmsnorm",
    "train",
]

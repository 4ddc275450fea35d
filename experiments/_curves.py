"""What a loop measures on its way, and the Run that becomes of it."""

import math

import torch

from normlib.results import Run


class Curves(dict):
    """Name → {step: value}: of one network, or of a stack along the first axis of each value.

    The loss of a step and the norm of its gradient are called `loss` and `grad_norm`.
    """

    def note(self, step, **values):
        """Keep what was measured before a step."""
        for name, value in values.items():
            value = value.detach() if isinstance(value, torch.Tensor) else value
            self.setdefault(name, {})[step] = value

    def of(self, i):
        """The curves of one network of a stack."""
        return Curves({name: {t: v[i] for t, v in curve.items()} for name, curve in self.items()})

    def run(self, model, training, val_loss, diverged=False, digits=None):
        """Make a Run: the losses while they are finite, everything else as probes.

        Parameters
        ----------
        model, training : dict
            The configurations; the arm and the seed are among their fields.
        val_loss : float or tensor
            What is not finite becomes None, here and in the probes.
        diverged : bool, default: False
            A run whose loss or gradient was not finite diverged in any case.
        digits : int, optional
            Significant digits of the probes, where the file would be too large with five.
        """
        loss, norm = (
            {t: plain(v) for t, v in self.get(name, {}).items()} for name in ("loss", "grad_norm")
        )
        steps = [t for t in loss if None not in (loss[t], norm[t])]
        return Run(
            model=model,
            training=training,
            steps=steps,
            loss=[loss[t] for t in steps],
            grad_norm=[norm[t] for t in steps],
            val_loss=plain(val_loss),
            diverged=bool(diverged) or len(steps) < len(loss),
            probes={
                name: {"steps": [*curve], "values": [plain(v, digits) for v in curve.values()]}
                for name, curve in self.items()
                if name not in ("loss", "grad_norm")
            },
        )


def plain(value, digits=None):
    """Numbers for a file, nested as they were; None for what is not finite."""
    if isinstance(value, torch.Tensor):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(v, digits) for v in value]
    if not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}") if digits else value


def gradient_norm(model):
    """Norm of the gradient of all parameters together."""
    return torch.cat([p.grad.flatten() for p in model.parameters()]).norm()

"""The study of how many samples a statistic has: its stack, its norm, its groups, a second run."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import _digits as digits
import normlib as nl
import samples_per_statistic as study
from chapters import BOOK, cells

ROOT = Path(__file__).parents[2]

ARMS = [*study.RANDOM, *study.SORTED, *study.MIXED, *study.GROUPS]


def images(count, seeds=2):
    x, y, _ = digits.digits()
    return x[: seeds * count].view(seeds, count, 64), y[: seeds * count].view(seeds, count)


@pytest.mark.parametrize("arm", [study.RANDOM[2], study.GROUPS[0], study.GROUPS[2]], ids=str)
def test_a_stack_computes_what_its_networks_compute_alone(arm):
    norm, samples, _, channels = arm
    net, (x, y) = study.initial(range(3), norm, samples, channels), images(32, 3)
    loss = study.losses(net, x, y)[0]
    loss.sum().backward()
    for seed in range(3):
        torch.manual_seed(seed)
        alone = study.network(norm, samples, channels)
        own = F.cross_entropy(alone(x[seed].view(-1, 1, 8, 8))[:, 0], y[seed])
        torch.testing.assert_close(loss[seed], own)
        own.backward()
        for joint, single in zip(net.parameters(), alone.parameters(), strict=True):
            part = joint.grad.view(3, *single.shape)[seed]
            torch.testing.assert_close(part, single.grad, rtol=1e-4, atol=1e-6)
        for joint, single in zip(net.buffers(), alone.buffers(), strict=True):
            if single.ndim:
                torch.testing.assert_close(joint.view(3, -1)[seed], single)


def test_a_split_batch_norm_is_a_batch_norm_for_each_part():
    x = torch.randn(12, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    split, plain = study.SplitBatchNorm(3, 4), [nn.BatchNorm2d(3) for _ in range(3)]
    with torch.no_grad():
        split.weight.copy_(torch.tensor([1.0, 2.0, 3.0]))
        split.bias.copy_(torch.tensor([0.0, 1.0, 2.0]))
        for norm in plain:
            norm.load_state_dict(split.state_dict())
    parts = [norm(part) for norm, part in zip(plain, x.split(4), strict=True)]
    torch.testing.assert_close(split(x), torch.cat(parts))
    for name in ("running_mean", "running_var"):
        mean = torch.stack([getattr(norm, name) for norm in plain]).mean(0)
        torch.testing.assert_close(getattr(split, name), mean)
    torch.testing.assert_close(study.SplitBatchNorm(3, 12)(x), nn.BatchNorm2d(3)(x))


def test_the_orders_keep_the_images_and_make_the_groups_they_name():
    x, y = images(32)
    for order in ("random", "sorted", "mixed"):
        new_x, new_y = study.arranged(x, y, order, samples=2)
        for s in range(2):
            before = {(tuple(a.tolist()), b.item()) for a, b in zip(x[s], y[s], strict=True)}
            after = {(tuple(a.tolist()), b.item()) for a, b in zip(new_x[s], new_y[s], strict=True)}
            assert before == after
        alike = (new_y[:, ::2] == new_y[:, 1::2]).float().mean()
        low, high = {"random": (0, 0.3), "sorted": (0.6, 1), "mixed": (0, 0.05)}[order]
        assert low <= alike <= high


def test_precise_statistics_are_those_of_all_images_and_the_network_stays():
    net, fit = study.initial(range(2), "batch", 8, None), images(study.N_FIT, 1)
    fit = [torch.cat([t, t]) for t in fit]
    before = {name: value.clone() for name, value in net.state_dict().items()}
    precise = study.statistics_over(net, study.N_FIT, 1.0)
    study.losses(precise, *fit)
    first = net[0](fit[0].unflatten(2, (8, 8)).transpose(0, 1))
    torch.testing.assert_close(precise[1].running_mean, first.mean((0, 2, 3)))
    study.measure(net, fit, images(40), images(40), 8, "sorted")
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("arm", ARMS, ids=str)
def test_the_rate_is_chosen_by_the_validation_images_and_never_by_the_test(arm):
    runs = nl.load_results(study.NAME).filter(batch_size=32, steps=study.STEPS)
    chosen = study.errors(study.best(runs, arm), "validation").mean()
    for lr in study.RATES:
        assert chosen <= study.errors(study.select(runs, arm, lr=lr), "validation").mean()


def test_the_published_runs_are_those_of_the_script_none_dropped():
    runs = nl.load_results(study.NAME)
    arms = [*study.arms(ARMS), *study.arms(study.LONG, shown=3 * study.SHOWN), *study.recipe(runs)]
    assert len(arms) == (18 + 3) * 5 + 2 * 4
    assert [{name: run[name] for name in (*arms[0], "seed")} for run in runs] == [
        arm | {"seed": seed} for arm in arms for seed in study.SEEDS
    ]
    assert runs[0].provenance["corpus"]["sha256"] == digits.digits()[2]


@pytest.mark.parametrize("arm", [study.SORTED[-1], study.GROUPS[2]], ids=str)
def test_a_network_run_again_begins_as_published(arm):
    published = study.select(nl.load_results(study.NAME), arm, lr=0.1, steps=study.STEPS)
    published = published.filter(batch_size=32, seed=3)[0]
    again = next(study.record(study.arms([arm], [0.1], shown=32 * 126)[0], [3]))
    assert again.loss[0] == pytest.approx(published.loss[0], rel=1e-3)
    assert again.grad_norm[0] == pytest.approx(published.grad_norm[0], rel=1e-2)


# --- the chapter does what the study does -------------------------------------------------------


def chapter():
    """The network and the norm that the chapter defines."""
    scope = {"torch": torch, "nn": nn}
    for cell in cells(BOOK / "08_group_norm.md"):
        if cell.source.startswith(("class SplitBatchNorm", "def network")):
            exec(cell.source, scope)
    return scope


def test_the_chapter_trains_the_network_of_the_study():
    scope, (x, _) = chapter(), images(32, 1)
    mine = scope["network"](lambda channels: scope["SplitBatchNorm"](channels, 8))
    theirs = study.network("batch", 8)
    with torch.no_grad():
        for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
            b.copy_(a.view_as(b))
    x = x.view(-1, 1, 8, 8)
    torch.testing.assert_close(mine(x), theirs(x)[:, 0])
    for name in ("running_mean", "running_var"):  # its parts come one after the other
        moved = [getattr(net[1], name) - float(name == "running_var") for net in (mine, theirs)]
        torch.testing.assert_close(*moved, rtol=0.1, atol=0.01)

"""Training: its schedule, optimizer and clipping by hand, and that it is a pure function."""

import copy
import json
import math
from dataclasses import asdict, replace
from datetime import datetime

import pytest
import torch
from torch.nn import functional as F

from normlib.gpt import GPT, GPTConfig, Text, TrainConfig, Trainer, train
from normlib.gpt.probes import PROBES

SINGLE = 1e-5  # between two ways to compute a number in float32
TEXT = Text("the cat sat on the mat. " * 40, name="cat")


def tiny(**options):
    sizes = {"n_layer": 1, "n_head": 2, "n_embd": 8, "block_size": 4}
    return GPTConfig(**{"vocab_size": TEXT.vocab_size} | sizes | options)


def quick(**options):
    return TrainConfig(**{"steps": 6, "batch_size": 4, "eval_windows": 20} | options)


def measured(run):
    """All of a run that may not depend on when and how fast it ran."""
    provenance = {k: v for k, v in run.provenance.items() if k != "date"}
    return asdict(replace(run, seconds=0.0, provenance=provenance))


def parameters(trainer):
    return {name: p.detach().clone() for name, p in trainer.model.named_parameters()}


def stepped(config, model=None):
    """Parameters before and after each step, and the gradients of each step."""
    trainer = Trainer(model or tiny(), config, TEXT)
    before, history = parameters(trainer), []
    for _ in trainer:
        gradients = {n: p.grad.clone() for n, p in trainer.model.named_parameters()}
        history.append((gradients, parameters(trainer)))
    return before, history


@pytest.mark.parametrize("options", [{}, {"dropout": 0.3}])
def test_the_same_seed_gives_the_same_run(options):
    run = train(tiny(**options), quick(), TEXT, PROBES)
    torch.manual_seed(99)
    assert measured(train(tiny(**options), quick(), TEXT, PROBES)) == measured(run)
    other = train(tiny(**options), quick(seed=1), TEXT, PROBES)
    assert not set(other.loss) & set(run.loss)


def test_the_seed_decides_weights_and_data_but_not_the_probed_batch():
    trainers = [Trainer(tiny(), quick(seed=seed), TEXT) for seed in (0, 1)]
    assert not torch.equal(*(t.model.head.weight for t in trainers))
    a, b = ([t.batch("train", t.generator)[0] for _ in range(2)] for t in trainers)
    assert not torch.equal(a[0], b[0])
    assert not torch.equal(a[0], a[1])
    seen = []
    for trainer in trainers:
        hook = trainer.model.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        trainer.probes = {"residual_rms": {"steps": [], "values": []}}
        trainer._probe()
        hook.remove()
    assert torch.equal(*seen)
    ids = TEXT.split("val", 4).unfold(0, 4, 1).tolist()
    assert all(window in ids for window in seen[0].tolist())


def test_dropout_is_drawn_anew_at_each_step():
    trainer = Trainer(tiny(dropout=0.5), quick(lr=0.0), TEXT)
    batch = trainer.batch("train", torch.Generator().manual_seed(0))
    trainer._batch = lambda part, generator: batch
    losses = [step.loss for step in trainer]
    assert len(set(losses)) == len(losses) == 6


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_training_learns_what_can_be_learned(optimizer):
    run = train(tiny(), TrainConfig(steps=150, lr=0.01, optimizer=optimizer), TEXT)
    assert run.loss[0] > math.log(TEXT.vocab_size) - 0.5
    assert run.loss[-1] < 1
    assert run.val_loss < 1
    assert not run.diverged


def test_the_warmup_reaches_the_optimizer():
    before, [(_, after), *_] = stepped(quick(lr=0.01, warmup=10))
    moved = (after["head.weight"] - before["head.weight"]).abs().max()
    assert moved == pytest.approx(0.001, rel=1e-3)  # the first step of Adam is as long as the rate


def total(gradients):
    return torch.cat([g.flatten() for g in gradients.values()]).norm().item()


def test_a_larger_gradient_is_scaled_down_a_smaller_one_left():
    free, clipped = (train(tiny(), quick(clip=clip), TEXT) for clip in (None, 0.1))
    _, history = stepped(quick(clip=0.1))
    _, plain = stepped(quick())
    assert clipped.loss[0] == free.loss[0]
    assert clipped.grad_norm[0] == free.grad_norm[0]  # logged as it was
    assert total(plain[0][0]) == pytest.approx(free.grad_norm[0], rel=SINGLE)
    for gradients, _ in history:
        assert total(gradients) == pytest.approx(0.1, rel=1e-4)
    for name, gradient in plain[0][0].items():
        torch.testing.assert_close(history[0][0][name], gradient * 0.1 / free.grad_norm[0])
    assert measured(train(tiny(), quick(clip=1e6), TEXT))["loss"] == free.loss
    sparse = train(tiny(), quick(clip=0.1, log_every=6), TEXT)  # also where nothing is logged
    assert sparse.loss[-1] == clipped.loss[-1]


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_three_steps_are_those_of_adam_by_hand(optimizer):
    decay = {"adam": 0.0, "adamw": 0.5}[optimizer]
    config = quick(steps=3, lr=0.02, betas=(0.7, 0.9), optimizer=optimizer, weight_decay=decay)
    before, history = stepped(config)
    for name, weight in before.items():
        m, v, weight = 0, 0, weight.double()
        for t, (gradients, after) in enumerate(history, start=1):
            g = gradients[name].double()
            m, v = 0.7 * m + 0.3 * g, 0.9 * v + 0.1 * g**2
            if weight.ndim == 2:  # biases and norms do not decay
                weight = weight * (1 - 0.02 * decay)
            weight = weight - 0.02 * (m / (1 - 0.7**t)) / ((v / (1 - 0.9**t)).sqrt() + 1e-8)
            torch.testing.assert_close(after[name].double(), weight, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("stop", [1, 3])
@pytest.mark.parametrize(
    ("model", "training"),
    [({}, {}), ({"dropout": 0.3}, {}), ({}, {"optimizer": "adamw", "weight_decay": 0.1})],
)
def test_a_run_stopped_and_resumed_is_the_same(stop, model, training, tmp_path):
    configs = tiny(**model), quick(clip=1.0, warmup=4, decay="cosine", **training)
    whole = train(*configs, TEXT, PROBES)
    first = Trainer(*configs, TEXT, PROBES)
    for _ in range(stop):
        next(iter(first))
    torch.save(first.state_dict(), tmp_path / "half.pt")
    second = Trainer(*configs, TEXT, PROBES)
    second.load_state_dict(torch.load(tmp_path / "half.pt"))
    assert [step.number for step in second] == list(range(stop, 6))
    assert measured(second.run()) == measured(whole)
    assert second.seconds > first.seconds > 0


def test_a_run_stays_as_it_was_when_the_training_goes_on():
    trainer = Trainer(tiny(), quick(), TEXT, PROBES)
    next(iter(trainer))
    run = trainer.run()
    before = copy.deepcopy(measured(run))
    list(trainer)
    trainer.run()
    assert measured(run) == before


def test_a_checkpoint_of_anything_else_is_refused():
    trainer = Trainer(tiny(), quick(), TEXT)
    state = copy.deepcopy(trainer.state_dict())
    for other in (
        Trainer(tiny(bias=False), quick(), TEXT),
        Trainer(tiny(), quick(seed=1), TEXT),
        Trainer(tiny(), quick(), Text(TEXT.content + "a")),
    ):
        with pytest.raises(ValueError, match="another model, training or text"):
            other.load_state_dict(state)
    trainer.load_state_dict(state)


def test_a_checkpoint_with_a_part_missing_changes_nothing():
    trainer = Trainer(tiny(), quick(), TEXT)
    trainer.fit()
    state, before = trainer.state_dict(), copy.deepcopy(trainer.model.state_dict())
    del state["generator"]
    fresh = Trainer(tiny(), quick(), TEXT)
    with pytest.raises(ValueError, match=r"has no generator: save the whole state_dict"):
        fresh.load_state_dict(state)
    assert any((fresh.model.state_dict()[k] != v).any() for k, v in before.items())


def test_a_kept_state_does_not_go_on_with_the_training():
    trainer = Trainer(tiny(), quick(steps=6), TEXT)
    steps = iter(trainer)
    next(steps)
    state = copy.deepcopy(trainer.state_dict())
    progress = trainer.state_dict()["progress"]
    next(steps)
    assert progress[3]["steps"] == [0]
    trainer.load_state_dict(state)
    assert trainer.fit().steps == [*range(6)]


def test_a_build_that_returns_nothing_is_told_so():
    class Own(Trainer):
        def build(self):
            super().build()

    with pytest.raises(TypeError, match=r"build\(\) must be a Module, got None: end it with"):
        Own(tiny(), quick(), TEXT)


def test_a_run_that_explodes_is_a_result():
    run = train(tiny(placement="none"), quick(lr=1e30), TEXT, PROBES)
    assert run.diverged
    assert run.val_loss is None
    assert run.steps == [0]
    assert len(run.loss) == len(run.grad_norm) == 1
    json.dumps(asdict(run), allow_nan=False)
    last = train(tiny(placement="none"), quick(lr=1e30, steps=1), TEXT, PROBES)
    assert last.diverged  # after its last step, so that only validation and probes see it
    assert last.val_loss is None
    assert last.probes["residual_rms"]["steps"] == [0, 1]
    json.dumps(asdict(last), allow_nan=False)


@pytest.mark.parametrize("lr", [1e-2, 1e3])
def test_a_run_that_ends_worse_than_it_began_and_than_guessing_has_diverged(lr):
    run = train(tiny(), quick(steps=20, lr=lr), TEXT)
    assert math.isfinite(run.val_loss)
    assert run.diverged == (lr > 1)
    worst = max(run.loss[0], math.log(TEXT.vocab_size))
    assert (run.val_loss > worst) == (lr > 1)


@pytest.mark.parametrize(("first", "val", "diverged"), [(2, 2.2, 0), (3, 2.9, 0), (3, 3.1, 1)])
def test_both_the_first_loss_and_guessing_must_be_beaten_by_neither(first, val, diverged):
    trainer = Trainer(tiny(), quick(), TEXT)  # guessing is ln 11 = 2.4
    trainer.curves = {"steps": [0], "loss": [first], "grad_norm": [1.0]}
    trainer._validate = lambda: val
    assert trainer.run().diverged == bool(diverged)


def test_no_step_at_all_still_probes_and_evaluates():
    run = train(tiny(), quick(steps=0), TEXT, ["residual_rms"])
    assert (run.steps, run.loss, run.grad_norm, run.diverged) == ([], [], [], False)
    assert run.val_loss > 0
    assert run.probes["residual_rms"]["steps"] == [0]
    assert len(run.probes["residual_rms"]["values"][0]) == 2


def test_measuring_on_the_way_changes_nothing_and_is_what_a_stopped_run_would_say():
    config = quick(steps=6, measure_at=(2, 4))
    run = train(tiny(dropout=0.3), config, TEXT, ("residual_rms",))
    plain = train(tiny(dropout=0.3), quick(steps=6), TEXT, ("residual_rms",))
    assert (run.loss, run.val_loss) == (plain.loss, plain.val_loss)
    measured = run.probes["val_loss"]
    assert measured["steps"] == run.probes["residual_rms"]["steps"] == [0, 2, 4, 6]
    assert measured["values"][-1] == run.val_loss
    stopped = train(tiny(dropout=0.3), quick(steps=4), TEXT, ("residual_rms",))
    assert measured["values"][2] == stopped.val_loss
    assert run.probes["residual_rms"]["values"][2] == stopped.probes["residual_rms"]["values"][-1]


def test_the_curves_have_every_so_many_th_step_and_the_last():
    dense, sparse = (train(tiny(), quick(log_every=n), TEXT, ["grad_norm"]) for n in (1, 4))
    assert sparse.steps == [0, 4, 5]
    assert sparse.loss == [dense.loss[i] for i in sparse.steps]
    assert sparse.grad_norm == [dense.grad_norm[i] for i in sparse.steps]
    assert sparse.val_loss == dense.val_loss
    assert sparse.probes == dense.probes
    assert sparse.probes["grad_norm"]["steps"] == [0, 6]


def test_training_leaves_nothing_behind(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    train(tiny(dropout=0.1), quick(), TEXT, PROBES)
    assert torch.get_num_threads() == threads
    assert [*tmp_path.iterdir()] == []
    assert capsys.readouterr() == ("", "")
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_training_leaves_the_global_generator_alone(dropout):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(tiny(dropout=dropout), quick(), TEXT, PROBES)
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_gives_the_global_generator_back():
    trainer = Trainer(tiny(dropout=0.1), quick(), TEXT)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert len([*trainer]) == 6
    assert torch.equal(torch.get_rng_state(), before)


def test_progress_sees_each_logged_step():
    steps = []
    run = train(tiny(), quick(log_every=2, warmup=2, lr=1.0), TEXT, progress=steps.append)
    assert [step.number for step in steps] == run.steps == [0, 2, 4, 5]
    assert [step.loss for step in steps] == run.loss
    assert [step.grad_norm for step in steps] == run.grad_norm
    assert [step.tokens for step in steps] == [16, 48, 80, 96]  # 4 windows of 4 a step
    assert [step.lr for step in steps] == [0.5, 1, 1, 1]
    assert {step.steps for step in steps} == {6}


def test_a_trainer_that_is_fitted_gives_the_run_and_the_model():
    steps, expected = [], train(tiny(), quick(), TEXT, PROBES)
    trainer = Trainer(tiny(), quick(), TEXT, PROBES)
    next(iter(trainer))  # it goes on from where it is
    assert measured(trainer.fit(steps.append)) == measured(expected)
    assert [step.number for step in steps] == [1, 2, 3, 4, 5]
    assert measured(trainer.fit(steps.append)) == measured(expected)  # nothing is left to train
    assert len(steps) == 5
    assert trainer.model.chars == TEXT.chars


def test_a_run_says_where_it_comes_from():
    config = quick(seed=3)
    run = train(tiny(), config, TEXT)
    assert run.model == asdict(tiny())
    assert run.training == asdict(config) | {"betas": [0.9, 0.95], "measure_at": []}
    origin = run.provenance
    assert origin["corpus"] == {"name": "cat", "sha256": TEXT.sha256, "vocab_size": 11}
    assert set(origin["versions"]) == {"python", "numpy", "torch", "normlib"}
    assert origin["versions"]["torch"] == str(torch.__version__)
    assert origin["device"].startswith("cpu (")
    assert origin["threads"] == torch.get_num_threads()
    assert origin["commit"] is None or len(bytes.fromhex(origin["commit"])) == 20
    assert (origin["dirty"] is None) == (origin["commit"] is None)
    assert set(origin) - {"commit", "dirty", "corpus", "versions"} == {
        *("device", "threads", "platform", "date")
    }
    assert abs(datetime.now().astimezone() - datetime.fromisoformat(origin["date"])).days == 0
    assert run.seconds > 0


def test_the_validation_is_the_mean_over_evenly_spaced_windows():
    trainers = [Trainer(tiny(), quick(batch_size=n), TEXT) for n in (1, 7)]
    assert trainers[0].run().val_loss == trainers[1].run().val_loss
    ids, model = TEXT.split("val", 4), GPT(tiny(), seed=0).eval()
    count = len(ids) - 4
    for windows, starts in (2, [0, count - 1]), (3, [0, (count - 1) // 2, count - 1]):
        run = train(tiny(), quick(steps=0, eval_windows=windows), TEXT)
        losses = [
            F.cross_entropy(model(ids[None, s : s + 4])[0][0], ids[s + 1 : s + 5]) for s in starts
        ]
        assert run.val_loss == pytest.approx(torch.stack(losses).mean().item(), rel=SINGLE)
    long = train(tiny(dropout=0.5), quick(steps=0, eval_windows=10**6), TEXT)
    windows = ids.unfold(0, 5, 1)
    expected = model(windows[:, :-1], windows[:, 1:])[1].item()
    assert len(windows) == 92
    assert long.val_loss == pytest.approx(expected, rel=SINGLE)  # 64 and 28 windows, no dropout


def test_bfloat16_runs_and_leaves_the_weights_in_float32():
    trainer = Trainer(tiny(), quick(dtype="bfloat16", steps=30, lr=0.01), TEXT)
    losses = [step.loss for step in trainer]
    exact = train(tiny(), quick(steps=30, lr=0.01), TEXT)
    assert losses[0] != exact.loss[0]
    assert losses == pytest.approx(exact.loss, abs=0.1)
    assert trainer.run().val_loss == pytest.approx(exact.val_loss, abs=0.1)
    assert {p.dtype for p in trainer.model.parameters()} == {torch.float32}

"""The exercise of a class: a BatchNorm that trains, evaluates and trains again."""

import numpy as np
import pytest

import normlib as nl
from broken_batch_norm import Right
from normlib import layers
from normlib.checker.exercises import EXERCISES
from normlib.checker.exercises.batch_norm_layer import Knobs
from normlib.checker.exercises.stateful import PARTS
from right_batch_norm import RIGHT, BatchNorm


@pytest.mark.parametrize("layer", RIGHT, ids=lambda c: c.__name__)
def test_right_classes_pass(layer):
    report = nl.check(layer, "BatchNorm")
    assert report, report


def test_the_skeleton_of_the_broken_ones_is_right():
    assert nl.check(Right, "BatchNorm")


def test_the_library_passes():
    assert nl.check(lambda c, eps, momentum: layers.BatchNorm(c, eps, momentum), "BatchNorm")


def test_the_name_of_the_class_is_that_of_the_exercise():
    assert nl.check(BatchNorm).name == "BatchNorm"
    assert nl.check(type("MyBatchNorm", (BatchNorm,), {}))


def test_slips_change_knobs_that_exist():
    right = vars(Knobs())
    for slip in EXERCISES["BatchNorm"].slips:
        assert slip.changes.keys() <= right.keys()
        assert all(right[knob] != value for knob, value in slip.changes.items())


def test_outputs_and_buffers_are_read_after_every_step():
    assert len([part for part in PARTS if part.startswith("y of")]) == 4
    assert len([part for part in PARTS if part.startswith("running_")]) == 2 * 5


# --- an unfinished or odd class -----------------------------------------------------------------


class Stub:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        raise NotImplementedError


class Empty:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        pass


class StubOfCall(Right):
    def __call__(self, x):
        raise NotImplementedError


class EllipsisOfCall(Right):
    def __call__(self, x): ...


class StubOfEval(Right):
    def eval(self):
        raise NotImplementedError


@pytest.mark.parametrize("layer", [Stub, Empty, StubOfCall, EllipsisOfCall, StubOfEval])
def test_a_stub_of_a_class_is_neither_right_nor_wrong(layer):
    report = nl.check(layer, "BatchNorm")
    assert not report
    assert not report.attempted


class NoEval:
    """Not a subclass, so that methods can be missing."""

    __init__, __call__ = Right.__init__, Right.__call__
    train, axes, batch_var, buffer_var = Right.train, Right.axes, Right.batch_var, Right.buffer_var
    lift, drop, update, statistics = Right.lift, Right.drop, Right.update, Right.statistics
    normalized, affine = Right.normalized, Right.affine


class NoCall:
    __init__ = Right.__init__


class NoBuffers:
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.weight, self.bias, self.training = np.ones(num_features), 0, True


class WeightIsFixed(Right):
    weight = property(lambda self: np.ones(3), lambda self, value: None if self.fixed() else None)
    calls = 0

    def fixed(self):
        self.calls += 1
        if self.calls > 1:
            raise AttributeError("no")


class WeightInColumns(Right):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)
        self.weight = np.ones((num_features, 1))

    def affine(self, x_hat):
        return self.lift(self.weight[:, 0], x_hat) * x_hat + self.lift(self.bias, x_hat)


class WeightIsNone(Right):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)
        self.weight = None


class ReturnsText(Right):
    def __call__(self, x):
        return "done"


class ReturnsTuple(Right):
    def __call__(self, x):
        return super().__call__(x), self.running_mean


class ObjectBuffers(Right):
    def update(self, x):
        super().update(x)
        self.running_mean = self.running_mean.astype(object)


class RaisesInEval(Right):
    def eval(self):
        raise KeyError("mode")


class ReadsWithAnError(Right):
    @property
    def running_mean(self):
        raise RuntimeError("not today")

    @running_mean.setter
    def running_mean(self, value):
        pass


class TakesNoMomentum(Right):
    def __init__(self, num_features, eps=1e-5):
        super().__init__(num_features, eps)


class Strange(Right):
    """A formula that no slip explains."""

    def affine(self, x_hat):
        return np.tanh(super().affine(x_hat))


class WithLayerNormShapes(Right):
    def affine(self, x_hat):
        return super().affine(x_hat)[0]


class ChangesWeight(Right):
    def affine(self, x_hat):
        self.weight *= 2
        return super().affine(x_hat)


ODD = {
    "no eval": (NoEval, "no method eval(self)"),
    "no call": (NoCall, "no method __call__(self, x)"),
    "no buffers": (NoBuffers, "no running_mean and no running_var"),
    "weight cannot be set": (WeightIsFixed, "weight cannot be set"),
    "weight in columns": (WeightInColumns, "weight at first has shape (3, 1); it should be (3,)"),
    "weight is None": (WeightIsNone, "weight is None"),
    "text": (ReturnsText, "a str"),
    "tuple": (ReturnsTuple, "returned a tuple of 2"),
    "objects": (ObjectBuffers, "running_mean is an array of object"),
    "crash in eval": (RaisesInEval, "KeyError"),
    "crash in an attribute": (ReadsWithAnError, "not today"),
    "no momentum": (TakesNoMomentum, "called as BatchNorm(num_features, eps, momentum)"),
    "strange": (Strange, "y of training step 1 is not right"),
    "shape": (WithLayerNormShapes, "y of training step 1 has shape (3,); it should be (6, 3)"),
    "changes weight": (ChangesWeight, "changes weight:"),
    "an object": (Right(3), "pass the class itself"),
    "a function": (lambda c, eps, momentum: np.zeros(c), "sets none of"),
}


@pytest.mark.parametrize(("attempt", "word"), ODD.values(), ids=ODD)
def test_an_odd_class_is_survived_and_told_why(attempt, word):
    report = nl.check(attempt, "BatchNorm")
    assert not report
    assert word in repr(report)


def test_an_object_that_cannot_be_called_is_a_type_error():
    with pytest.raises(TypeError, match="the class itself"):
        nl.check(NoCall(3), "BatchNorm")


def test_three_mistakes_in_a_class_are_named_each_once():
    class Three(Right):
        def batch_var(self, x):
            return x.var(axis=self.axes(x), keepdims=True, ddof=1)

        def buffer_var(self, x):
            return x.var(axis=self.axes(x), keepdims=True)

        def update(self, x):
            self.momentum = 1 - self.momentum
            super().update(x)
            self.momentum = 1 - self.momentum

    report = nl.check(Three, "BatchNorm")
    assert len(report.lines) == 3
    assert "In training you divided the variance by n − 1" in report.lines[0]
    assert "momentum is the wrong way round" in report.lines[1]
    assert "running_var takes up the variance divided by n" in report.lines[2]


def test_two_mistakes_in_a_class_are_a_pair():
    class Two(Right):
        def buffer_var(self, x):
            return self.batch_var(x)

        def affine(self, x_hat):
            return super().affine(x_hat) if self.training else x_hat

    first, second = nl.check(Two, "BatchNorm").lines
    assert first.startswith("running_var takes up the variance")
    assert second.startswith("In eval mode weight and bias are forgotten")

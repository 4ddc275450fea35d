"""Numbers as people write them, and everything else as it was."""

import math

import pytest

import normlib as nl
from normlib.digits import mean_sd


@pytest.mark.parametrize(
    ("python", "people"),
    [
        ("1.0e-10", "1.0·10⁻¹⁰"),
        ("1e-05, 2.5e+03.", "10⁻⁵, 2.5·10³."),
        ("3.9e+00", "3.9"),
        ("0.0e+00", "0"),
        ("-0.5 ± 1e-12", "−0.5 ± 10⁻¹²"),
        ("(-1)[-2]=-3", "(−1)[−2]=−3"),
        ("-1,234.5e-03", "−1,234.5·10⁻³"),
        ("-0.00 ± 0.01", "0.00 ± 0.01"),
    ],
)
def test_numbers_become_those_of_people(python, people):
    assert nl.readable(python) == people


@pytest.mark.parametrize(
    "text", ["2026-11-30", "3-5", "x-1", "float32", "pre-norm", "+0.004", "10⁻⁴", "nan", "(5)"]
)
def test_what_is_no_number_of_a_program_stays(text):
    assert nl.readable(text) == text


def test_a_number_is_formatted_first():
    assert nl.readable(1.26e-7, ".1e") == "1.3·10⁻⁷"
    assert nl.readable(-2) == "−2"


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [
        (2.3, 0.0567, "2.30 ± 0.06"),
        (2.6789, 0.0296, "2.679 ± 0.030"),
        (77.8, 28.2, "78 ± 28"),
        (1234.5, 350.0, "1234 ± 350"),
        (7.3e-4, 4e-5, "7.3·10⁻⁴ ± 0.4·10⁻⁴"),
        (-3e-7, 2e-7, "−3.0·10⁻⁷ ± 2.0·10⁻⁷"),
        (2e6, 1e5, "2.00·10⁶ ± 0.10·10⁶"),
        (8.0, 0.0, "8 ± 0"),
        (0.0, 0.0, "0 ± 0"),
        (2.3, 1e-9, "2.3 ± 10⁻⁹"),
        (-1.5, math.nan, "−1.5"),
    ],
)
def test_a_mean_and_its_deviation_have_equally_many_digits(mean, sd, text):
    assert mean_sd(mean, sd) == text


def test_the_cells_of_a_table_share_their_digits():
    assert mean_sd(6.012, 2.49, places=2) == "6.01 ± 2.49"

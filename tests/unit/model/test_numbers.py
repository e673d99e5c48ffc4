"""Numbers: normal form, bounds, sizes, order and sums."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.model import numbers
from cdc.model.errors import ValidationException

NINES = "9" * 38
LARGEST = NINES + "0" * 88
SMALLEST = "0." + "0" * 129 + "1"


@st.composite
def normal_numbers(draw: st.DrawFn) -> str:
    """Normalised numbers of the whole range, short and near ones often."""
    digits = draw(st.one_of(st.integers(0, 9), st.integers(0, 10**4), st.integers(0, 10**38 - 1)))
    significant = len(str(digits))
    point = draw(st.one_of(st.integers(-2, 3), st.integers(-129 - significant, 126 - significant)))
    sign = draw(st.sampled_from(["", "-"]))
    return numbers.normalise(f"{sign}{digits}e{point}")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("42", "42"),
        ("-7", "-7"),
        ("0", "0"),
        ("00042", "42"),
        ("1.0", "1"),
        ("3.1400", "3.14"),
        ("1.5E2", "150"),
        ("1E2", "100"),
        ("-0", "0"),
        ("+0.0", "0"),
        ("+5", "5"),
        ("5.", "5"),
        (".5", "0.5"),
        ("+1.5", "1.5"),
        ("+1e2", "100"),
        ("-.50e+1", "-5"),
        ("12e-1", "1.2"),
        ("0e999999999999999999999", "0"),
        ("1" + "0" * 125, "1" + "0" * 125),
        ("0" * 500 + "1", "1"),
        ("1E-130", SMALLEST),
        ("-1E-130", "-" + SMALLEST),
        (f"9.{NINES[1:]}E+125", LARGEST),
        (f"-9.{NINES[1:]}E+125", "-" + LARGEST),
        ("1" + "0" * 200 + "e-200", "1"),
    ],
)
def test_a_number_is_returned_in_plain_decimal_without_meaningless_zeros(text: str, normal: str) -> None:
    assert numbers.normalise(text) == normal


@pytest.mark.parametrize(
    "text",
    [
        *("+e2", "1+2", "1.2.3", "++5", "1e", ".", "NaN", "Infinity", "-inf", "0x1F", "1_000", " 1", "1 ", "1\n"),
        *("abc", "-", "+", "e", "1e+", "1e1.5", "\u0661", "1²"),
    ],
)
def test_what_is_no_number_is_named_in_the_error(text: str) -> None:
    with pytest.raises(ValidationException) as error:
        numbers.normalise(text)
    assert error.value.message == f"The parameter cannot be converted to a numeric value: {text}"


def test_an_empty_number_has_an_error_without_a_value() -> None:
    with pytest.raises(ValidationException) as error:
        numbers.normalise("")
    assert error.value.message == "The parameter cannot be converted to a numeric value"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1" * 39, "Attempting to store more than 38 significant digits in a Number"),
        ("0." + "1" * 39, "Attempting to store more than 38 significant digits in a Number"),
        ("1" * 20 + "." + "1" * 19, "Attempting to store more than 38 significant digits in a Number"),
        *(
            (text, "Number overflow. Attempting to store a number with magnitude larger than supported range")
            for text in ("1E+126", "-1E+126", "1e" + "9" * 5000, "1" + "0" * 126)
        ),
        *(
            (text, "Number underflow. Attempting to store a number with magnitude smaller than supported range")
            for text in ("1E-131", "-1E-131", "1e-" + "9" * 5000, "0." + "0" * 130 + "1")
        ),
    ],
)
def test_a_number_out_of_bounds_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationException) as error:
        numbers.normalise(text)
    assert error.value.message == message


@pytest.mark.parametrize("text", ["1" * 38, "-" + "1" * 38, "1" * 19 + "." + "1" * 19, "0." + "1" * 38])
def test_thirty_eight_digits_are_kept_as_they_are(text: str) -> None:
    assert numbers.normalise(text) == text


@given(normal_numbers())
def test_normal_form_is_a_fixed_point_and_keeps_the_value(text: str) -> None:
    assert numbers.normalise(text) == text
    assert numbers.normalise(f"{Decimal(text):E}") == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        *(("0", 1), ("-0", 1), ("1", 2), ("12", 2), ("123", 3), ("12345", 4), ("100", 2), ("1010", 3)),
        *(("0.0000001", 2), ("1E125", 2), ("1E-100", 2), ("1.5", 3), ("1.234", 4), ("3.14159", 5), ("100.5", 4)),
        *(("0.15", 2), ("-42", 3), ("-12345", 5), ("-0.15", 3), ("1" * 38, 20), ("-100", 3), ("1.001", 4)),
    ],
)
def test_a_number_counts_one_byte_and_one_for_two_digits(text: str, size: int) -> None:
    assert numbers.size(numbers.normalise(text)) == size


@given(normal_numbers(), normal_numbers())
def test_the_order_of_sort_keys_is_the_order_of_the_numbers(a: str, b: str) -> None:
    left, right = numbers.sort_key(a), numbers.sort_key(b)
    assert (left < right) == (Decimal(a) < Decimal(b))
    assert (left == right) == (a == b)


@given(normal_numbers())
def test_a_sort_key_gives_its_number_back_and_stays_short(text: str) -> None:
    key = numbers.sort_key(text)
    assert numbers.from_sort_key(key) == text
    assert len(key) <= 1 + 20 + text.startswith("-")


def test_the_extremes_of_the_range_sort_in_their_order() -> None:
    ordered = ["-" + LARGEST, "-100", "-99.5", "-99", "-1.01", "-1", "-0.1", "-" + SMALLEST, "0", SMALLEST]
    ordered += ["0.1", "0.99", "1", "1.000001", "1.01", "9", "10", "99", "100", "100.5", LARGEST]
    keys = [numbers.sort_key(text) for text in ordered]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


def test_a_sort_key_holds_two_digits_a_byte() -> None:
    assert numbers.sort_key("123456").hex() == "c3123456"


@given(normal_numbers(), normal_numbers())
def test_compare_agrees_with_exact_decimals(a: str, b: str) -> None:
    assert numbers.compare(a, b) == (Decimal(a) > Decimal(b)) - (Decimal(a) < Decimal(b))


@pytest.mark.parametrize(
    ("a", "b", "total", "difference"),
    [
        ("41", "1", "42", "40"),
        ("0.1", "0.2", "0.3", "-0.1"),
        ("1.5", "1.5", "3", "0"),
        ("-5", "5", "0", "-10"),
        (NINES, "-1", NINES[:-1] + "8", "1" + "0" * 38),
    ],
)
def test_sums_and_differences_are_exact(a: str, b: str, total: str, difference: str) -> None:
    assert numbers.add(a, b) == total
    assert numbers.subtract(a, b) == difference


@given(normal_numbers(), normal_numbers())
def test_a_sum_is_exact_or_refused(a: str, b: str) -> None:
    exact = Fraction(a) + Fraction(b)
    try:
        assert Fraction(numbers.add(a, b)) == exact
    except ValidationException:
        scaled = str(abs(exact) * 10**170)
        assert len(scaled.strip("0")) > 38 or abs(exact) >= 10**126 or abs(exact) < Fraction(1, 10**130)


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (LARGEST, LARGEST, "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        (LARGEST, SMALLEST, "Attempting to store more than 38 significant digits in a Number"),
        (NINES, "0.1", "Attempting to store more than 38 significant digits in a Number"),
    ],
)
def test_a_sum_out_of_bounds_is_refused(a: str, b: str, message: str) -> None:
    with pytest.raises(ValidationException) as error:
        numbers.add(a, b)
    assert error.value.message == message

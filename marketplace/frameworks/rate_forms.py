"""The grid of a rate card as a form's fields, in pounds per hour."""

from __future__ import annotations

from marketplace.frameworks.rates import MOST_PENCE, Grid, field_name
from marketplace.web.forms import Form


def read_rates(form: Form, shape: Grid) -> dict[tuple[str, str], int]:
    """What was typed into the grid, as (activity, band) -> pence; what cannot be read is an error of its field."""
    activities, bands = dict(shape.activities), dict(shape.bands)
    found: dict[tuple[str, str], int] = {}
    for activity, band in shape.cells():
        noun = f"the rate for {activities[activity]}, {bands[band]} on {shape.title}"
        found[activity, band] = form.pence(field_name(shape.lot, activity, band), noun, least=1, most=MOST_PENCE)
    return found


def show_rates(form: Form, shape: Grid, rates: dict[tuple[str, str], int]) -> None:
    """Fill the grid's fields, for a first showing."""
    for activity, band in shape.cells():
        form.set_pence(field_name(shape.lot, activity, band), rates.get((activity, band)))

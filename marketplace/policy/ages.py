"""Ages on a day, and the band that is all a provider learns of one before award (domain 4.1)."""

from datetime import date

# First ages of the bands: early years, primary, secondary, the 16-17 year olds whose own wishes decide, adults to be (D).
BANDS = (0, 5, 11, 16, 18)
LAST_BAND_ENDS = 25


def age_on(born: date, day: date) -> int:
    """Whole years on a day; somebody born on 29 February is a year older from 1 March where there is no 29th."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def age_band(age: int) -> str:
    """The band an age belongs to, as it is written: "5 to 10". Negative ages (not born yet) count as 0."""
    first = max((start for start in BANDS if start <= age), default=BANDS[0])
    later = [start for start in BANDS if start > first]
    return f"{first} to {later[0] - 1}" if later else f"{first} to {max(LAST_BAND_ENDS, age)}"

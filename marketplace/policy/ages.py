"""Ages on a day, and the band that is all a provider learns of one before award (domain 4.1)."""

from datetime import date

from marketplace.policy.pack import Pack


def age_on(born: date, day: date) -> int:
    """Whole years on a day; somebody born on 29 February is a year older from 1 March where there is no 29th."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def age_band(pack: Pack, age: int) -> str:
    """The pack's band an age belongs to, as it is written: "5 to 10". Younger ages belong to the first band."""
    starts = sorted(pack.ages.band_starts)
    first = max((start for start in starts if start <= age), default=starts[0])
    later = [start for start in starts if start > first]
    return f"{first} to {later[0] - 1}" if later else f"{first} to {max(pack.ages.oldest, age)}"

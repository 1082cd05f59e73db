"""Reading the lines beside visits of a case file: their agreements, and the longer time of visits billed before."""

from collections.abc import Callable

from marketplace.policy.casefile import Field
from marketplace.policy.facts import Agreement, Longer, OtherLine, Visit

Reader = Callable[[Field], Visit]

LINE_KEYS = ("id", "kind", "day", "units", "cost_pence", "evidenced", "billed_pence", "agreement")


def other_line(field: Field, visit: Reader) -> OtherLine:
    """One line beside visits; `visit` reads the visit that longer time belongs to."""
    table = field.table(LINE_KEYS, ("longer",))
    return OtherLine(
        id=table["id"].text(),
        kind=table["kind"].text(),
        day=table["day"].day(),
        units=table["units"].pence(),
        cost_pence=table["cost_pence"].pence(),
        evidenced=table["evidenced"].yes_no(),
        agreement=table["agreement"].nullable(_agreement),
        billed_pence=table["billed_pence"].pence(),
        longer=_longer(table["longer"], visit) if "longer" in table else None,
    )


def _longer(field: Field, visit: Reader) -> Longer:
    table = field.table(("visit", "billed_minutes", "approved_minutes"))
    return Longer(
        visit=visit(table["visit"]),
        billed_minutes=table["billed_minutes"].nullable(Field.pence),
        approved_minutes=table["approved_minutes"].pence(),
    )


def _agreement(field: Field) -> Agreement:
    table = field.table(("id", "kind", "unit_pence", "most_pence", "from", "to"))
    return Agreement(
        id=table["id"].text(),
        kind=table["kind"].text(),
        unit_pence=table["unit_pence"].nullable(Field.pence),
        most_pence=table["most_pence"].pence(),
        from_=table["from"].day(),
        to=table["to"].day(),
    )

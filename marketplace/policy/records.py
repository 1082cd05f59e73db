"""What the record of a visit still lacks before it can be paid (domain 4.4 and 5; the pack's record fields name it)."""

import unicodedata

from marketplace.policy.facts import Visit

# Whitespace, controls and characters that show nothing: a text of these alone is blank.
INVISIBLE = ("Zs", "Zl", "Zp", "Cc", "Cf")


def is_blank(text: str | None) -> bool:
    """Whether there is no visible character: a blank name is no name, blank activities are none."""
    return text is None or all(unicodedata.category(character) in INVISIBLE for character in text)


def missing_from_record(visit: Visit, percent: int = 100) -> tuple[str, ...]:
    """What keeps a visit's record unfinished, by code; empty when it can be paid.

    Codes: start, end, workers, worker_name, worker_signature, activities, family_signature, notice, shared_visit. Of a
    cancellation charged at `percent` above 0 only the workers' names, the time of a family's notice, and what became of
    the visits that share the workers' time are asked.
    """
    if visit.outcome == "delivered":
        lacking = {
            "start": visit.actual_start is None,
            "end": visit.actual_end is None,
            "workers": not visit.workers,
            "worker_name": any(is_blank(worker.name) for worker in visit.workers),
            "worker_signature": any(not worker.signed for worker in visit.workers),
            "activities": is_blank(visit.activities),
            "family_signature": not visit.family_signed,
        }
    else:
        lacking = {
            "workers": not visit.workers,
            "worker_name": any(is_blank(worker.name) for worker in visit.workers),
            "notice": visit.outcome == "cancelled_by_family" and visit.notice_at is None,
        }
        if percent == 0:
            lacking = {}
    if percent:
        lacking["shared_visit"] = any(worker.billed == "waits" for worker in visit.workers)
    return tuple(code for code, lacks in lacking.items() if lacks)

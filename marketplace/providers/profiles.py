"""The profile of a worker a family may read (L 6.1 stage 1): the pack says what it holds, the worker agrees to it."""

from __future__ import annotations

from datetime import date

from marketplace.policy.pack import Pack
from marketplace.policy.standing import competency_current_until
from marketplace.providers.facts import WorkerRecord
from marketplace.web.filters import listing


def family_profile(pack: Pack, worker: WorkerRecord, on: date) -> str:
    """What a family reads, part by part on lines of their own; empty without the worker's agreement."""
    return _profile(pack, worker, on) if worker.published_profile else ""


def preview(pack: Pack, worker: WorkerRecord, on: date) -> str:
    """What a family would read if the worker agreed."""
    return _profile(pack, worker, on) if worker.profile.strip() else ""


def _profile(pack: Pack, worker: WorkerRecord, on: date) -> str:
    pack = pack.on(on)
    parts = {
        "own_words": worker.profile.strip(),
        "languages": f"Speaks {worker.languages}." if worker.languages else "",
        "training": _training(pack, worker, on),
    }
    # a video is no text: it is agreed to and shown by itself (videos.py)
    return "\n".join(parts[part] for part in pack.profile.holds if parts.get(part))


def _training(pack: Pack, worker: WorkerRecord, on: date) -> str:
    """What the worker is signed off in on the day, without dates; what belongs to one child is no family's to read."""
    current: dict[str, None] = {}
    for record in worker.competencies:
        known = pack.competencies.get(record.code)
        counts = record.withdrawn_at is None and record.assessor and record.for_package_id is None
        if known is None or not counts or not pack.methods.get(record.method, False):
            continue
        until = competency_current_until(pack, record.code, record.assessed_on)
        if record.assessed_on <= on and (until is None or on <= until):
            current[known.title] = None
    return f"Signed off in {listing(sorted(current))}." if current else ""

"""Larkfield's papers: a few files of evidence as an office keeps them, where the demo has a store for files."""

from __future__ import annotations

import io
from datetime import timedelta
from uuid import UUID

import pikepdf

from marketplace.demo.cast import HOUSES
from marketplace.demo.world import Firm, World
from marketplace.providers import declarations, evidence, file_actions, file_checking
from marketplace.providers.declaration_details import INSURANCE
from marketplace.web.filters import day

HOUSE = "larkfield"
SHEET = (595, 842)  # A4 in points


async def keep_papers(world: World) -> None:
    """Its insurance certificate, declared with; a policy; a worker's certificate and the sheet of an assessment."""
    story = world.story
    if not story.cards.s3_endpoint:
        return  # as in a test of the story alone
    await story.until(story.at(-81, "10:00"))
    house = next(each for each in HOUSES if each.key == HOUSE)
    firm, until = world.firms[HOUSE], story.monday + timedelta(days=house.insured_days)
    worker = firm.hands[0]
    cover = await _kept(
        world, firm, "insurance", "Certificate of insurance", f"Employer's and public liability, until {day(until)}"
    )
    await declarations.make_declaration(
        firm.manager, INSURANCE, declared_on=story.monday - timedelta(days=81), details={"until": until},
        evidence_ids=[cover],
    )  # fmt: skip
    await _kept(world, firm, "policy", "Safeguarding policy", "Who is told, by when, and what is written down")
    await _kept(world, firm, "training_certificate", "Paediatric first aid", f"{worker.name} attended", worker.id)
    sheet = await _kept(world, firm, "assessment", "Assessment: first aid", f"{worker.name}: observed", worker.id)
    await evidence.record_competency(
        firm.manager, worker.id, code="first_aid", assessed_on=story.monday - timedelta(days=84), method="observed",
        assessor_name="Fenella Garth, nurse educator", evidence_id=sheet,
    )  # fmt: skip


async def _kept(world: World, firm: Firm, kind: str, title: str, line: str, worker_id: UUID | None = None) -> UUID:
    """A PDF added by the office and checked, as the worker process would."""
    settings, content = world.story.cards, _paper(title, line)
    place = await file_actions.announce(
        firm.manager, kind=kind, title=title, file_name=f"{title.replace(':', '')}.pdf", size=len(content),
        content_type="application/pdf", worker_id=worker_id,
    )  # fmt: skip
    await file_actions.receive(firm.manager, settings, place, io.BytesIO(content))
    assert firm.manager.provider_id is not None
    await file_checking.check(settings, firm.manager.provider_id, place.id)
    return place.id


def _paper(*lines: str) -> bytes:
    """One page with a line each."""
    made = pikepdf.new()
    font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
    page = made.add_blank_page(page_size=SHEET)
    page.obj.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=made.make_indirect(font)))
    text = " ".join(f"({line}) Tj 0 -32 Td" for line in lines)
    page.obj.Contents = made.make_stream(f"BT /F1 20 Tf 72 740 Td {text} ET".encode("latin-1", "replace"))
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()

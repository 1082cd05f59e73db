"""What is printed: tagged, in English, the same bytes each time, and no word of a child."""

from __future__ import annotations

from datetime import timedelta

import pytest

from marketplace.billing.bank_accounts import answer_account, waiting_change
from marketplace.billing.credit_note_queries import credit_notes
from marketplace.billing.credit_notes import confirm_credit_note
from marketplace.billing.deciding import return_invoice
from marketplace.billing.documents import invoice_document
from marketplace.billing.parties import save_party
from marketplace.billing.printing import invoice_paper
from marketplace.platform.database import ask
from marketplace.platform.errors import TooLarge
from marketplace.platform.typesetting import Paper, pdf, table
from tests.billing.test_api import api, token
from tests.billing.test_credit_notes import over_claimed
from tests.billing.test_einvoice import PAYER, PROVIDER
from tests.conftest import NOON
from tests.world import people
from tests.world.apps import create_console, create_marketplace
from tests.world.billing import deducted, period_of
from tests.world.door import at
from tests.world.pdfs import assert_printable, words_of

__all__ = ["api", "over_claimed"]


async def test_an_invoice_is_printed_from_what_is_frozen(case, clock, first_day, finance, settings, database):
    await save_party(case.manager, PROVIDER, {})
    await save_party(finance, PAYER, {})
    invoice_id = await deducted(case, clock, first_day)
    path = f"/invoices/{invoice_id}/invoice.pdf"
    async with at(create_marketplace(database, clock), settings, case.manager) as door:
        assert path in (await door.get(f"/invoices/{invoice_id}")).text
        answer = await door.get(path)
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/pdf"
        assert answer.headers["content-disposition"].startswith('attachment; filename="invoice-1-')
        mine = answer.content
    period = await period_of(case, first_day)
    assert_printable(mine, "Invoice 1: Alder Care to " + str(case.referrer.organisation_name))
    said, view = words_of(mine), (await ask(case.manager, invoice_paper, invoice_id)).paper
    for words in (
        "£254.40", "−£100.00", "£154.40", "Why £100.00 was deducted", "L 7.11", "is paid by", "2 Provider Road",
        "1 Town Hall Way", (await case.package()).reference, "SHA-256 of the frozen invoice",
        f"{period.last_day.day} {period.last_day:%B %Y}",
    ):  # fmt: skip
        assert words in said, (words, said)
    assert view.footer.split(". ")[-1] in said
    assert "Maya" not in said and "pasta" not in said

    # days on, the provider has moved: the same file, and the payer reads the same one
    clock.move(timedelta(days=3))
    await save_party(case.manager, PROVIDER | {"street": "9 New Street", "account_number": "66666666"}, {})
    change = await ask(case.manager, waiting_change)
    second = await people.person_in(case.manager, "coordinator")
    assert change is not None
    await answer_account(second, change.id, confirm=True)
    async with at(create_console(database, clock), settings, finance) as desk:
        assert path in (await desk.get(f"/invoices/{invoice_id}")).text
        assert (await desk.get(path)).content == mine
    document = await ask(finance, invoice_document, invoice_id)
    assert (document.seller.street, document.seller.account_number) == ("2 Provider Road", "66666666")
    await return_invoice(finance, invoice_id, "Two visits are not ours.")
    returned = await pdf((await ask(finance, invoice_paper, invoice_id)).paper)
    assert "It is not payable" in words_of(returned)


async def test_credit_notes_and_statements_are_printed_for_their_parties_alone(
    api, settings, case, over_claimed, finance, clock, world
):
    mine, theirs = await token(api, settings, case.manager), await token(api, settings, finance)
    (asked,) = await ask(finance, credit_notes)
    path = f"/credit-notes/{asked.id}/pdf"
    assert (await api.get(path, headers=mine)).status_code == 409  # not issued yet
    await confirm_credit_note(case.manager, asked.id)
    answer = await api.get(path, headers=theirs)
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/pdf"
    assert_printable(answer.content, f"Credit note 1 on invoice 1: Alder Care to {case.referrer.organisation_name}")
    said = words_of(answer.content)
    assert "Taken back" in said and "£" in said and "Maya" not in said
    assert answer.content == (await api.get(path, headers=mine)).content

    books = f"/ledger/statements/{world.framework_id}/{case.referrer.organisation_id}/{case.manager.organisation_id}"
    days = "?first_day=2026-01-01&last_day=2026-12-31"
    listed = (await api.get(books + days, headers=mine)).json()
    printed = await api.get(f"{books}/pdf{days}", headers=mine)
    assert_printable(printed.content, f"Statement: Alder Care and {case.referrer.organisation_name}")
    assert "Balance after" in words_of(printed.content) and "Invoice submitted: invoice 1" in words_of(printed.content)
    assert listed["entries"]
    wrong = "?first_day=2026-02-01&last_day=2026-01-01"
    assert (await api.get(f"{books}/pdf{wrong}", headers=mine)).status_code == 400

    rival = await token(api, settings, await people.provider_org(settings, "Rival Care"))
    for hidden in (path, f"{books}/pdf{days}", f"/invoices/{over_claimed}/pdf"):
        assert (await api.get(hidden, headers=rival)).status_code == 404
    family = await token(api, settings, case.family)
    assert (await api.get(f"/invoices/{over_claimed}/pdf", headers=family)).status_code in (403, 404)


async def test_what_is_typed_is_never_markup_and_too_much_is_refused():
    odd = table(["#Head", "*b*"], [["$x$ <a> \\n #eval", "@ref `raw` //"]])
    said = words_of(await pdf(Paper("A #title", "Who", NOON, (odd,), "under", "foot")))
    assert "$x$ <a> \\n #eval" in said and "@ref `raw` //" in said
    with pytest.raises(TooLarge, match="download it as CSV"):
        await pdf(Paper("Big", "Who", NOON, (table(["A"], [["1"]] * 5_001),)))

"""Stripe Connect for the demo's stand-in, which has none: accounts, transfers, and what is taken back of them.

Answers have the form Stripe documents and the few rules our code leans on: a key gives the same answer again, nothing
goes to an account that may not be paid, no more is taken back than was moved. Only the stand-in's process asks here.
"""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

PATHS = ("/v1/accounts{rest:.*}", "/v1/account_links", "/v1/transfers{rest:.*}")
PAGE = "/_config/connect/"  # the stand-in asks for no key here
Answer = tuple[int, dict[str, Any]]


def answer(kept: dict[str, Any], method: str, address: str, body: str, key: str, here: str) -> Answer:
    """Status and JSON of one request; `kept` is what is remembered between them, `here` the stand-in's own address."""
    answered = kept.setdefault("answered", {})
    if method == "POST" and key in answered:
        return 200, answered[key]
    parts = urlsplit(address)
    path = tuple(parts.path.removeprefix("/v1/").split("/"))
    given = dict(parse_qsl(body))
    if path[0] == "transfers":
        status, made = _transfers(kept, method, path[1:], given, parse_qs(parts.query))
    else:
        status, made = _accounts(kept, method, path, given, here)
    if method == "POST" and key and status == 200:
        answered[key] = made
    return status, made


def _accounts(
    kept: dict[str, Any], method: str, path: tuple[str, ...], given: dict[str, str], here: str
) -> Answer:  # fmt: skip
    accounts = kept.setdefault("accounts", {})
    match (method, *path):
        case ("POST", "accounts"):
            made = {"id": f"acct_demo{len(accounts) + 1}", "object": "account", "metadata": _metadata(given)}
            accounts[made["id"]] = made | _standing(ready=False)
            return 200, accounts[made["id"]]
        case ("GET", "accounts", account) if account in accounts:
            return 200, accounts[account]
        case ("POST", "account_links") if given.get("account") in accounts:
            url = f"{here}{PAGE}{given['account']}?back={quote(given['return_url'], safe='')}"
            return 200, {"object": "account_link", "url": url}
    return _missing()


def _transfers(
    kept: dict[str, Any], method: str, path: tuple[str, ...], given: dict[str, str], asked: dict[str, list[str]]
) -> Answer:
    transfers, reversals = kept.setdefault("transfers", {}), kept.setdefault("reversals", [])
    match (method, *path):
        case ("GET",):
            return _list([each for each in transfers.values() if [each["transfer_group"]] == asked["transfer_group"]])
        case ("POST",):
            account = kept.get("accounts", {}).get(given["destination"])
            if account is None or not account["payouts_enabled"]:
                return _refused("insufficient_capabilities_for_transfer")
            made: dict[str, Any] = {
                "id": f"tr_demo{len(transfers) + 1}", "object": "transfer", "amount": int(given["amount"]),
                "amount_reversed": 0, "currency": given["currency"], "destination": given["destination"],
                "transfer_group": given["transfer_group"], "metadata": _metadata(given), "reversed": False,
            }  # fmt: skip
            transfers[made["id"]] = made
            return 200, made
        case ("GET", transfer) if transfer in transfers:
            return 200, transfers[transfer]
        case ("GET", transfer, "reversals") if transfer in transfers:
            return _list([each for each in reversals if each["transfer"] == transfer])
        case ("POST", transfer, "reversals") if transfer in transfers:
            moved, pence = transfers[transfer], int(given["amount"])
            if pence > moved["amount"] - moved["amount_reversed"]:
                return _refused("")
            moved["amount_reversed"] += pence
            back = {
                "id": f"trr_demo{len(reversals) + 1}", "object": "transfer_reversal", "amount": pence,
                "transfer": transfer, "metadata": _metadata(given),
            }  # fmt: skip
            reversals.append(back)
            return 200, back
    return _missing()


def set_up_page(account: str, back: str) -> str:
    """What stands for Stripe's own pages: one button, which answers everything."""
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>Stand-in for Stripe</title><h1>Stand-in for Stripe</h1><p>Stripe would ask here who the provider is and"
        f' where its money goes. The demo asks nothing.</p><form method="post" action="{PAGE}{escape(account)}">'
        f'<input type="hidden" name="back" value="{escape(back)}"><button>Answer everything and go back</button></form>'
    )


def answered_all(kept: dict[str, Any], account: str) -> bool:
    """The account may be paid from now on; False where there is none."""
    known = kept.get("accounts", {}).get(account)
    if known is not None:
        known |= _standing(ready=True)
    return known is not None


def _standing(*, ready: bool) -> dict[str, Any]:
    due = [] if ready else ["business_type"]
    return {
        "details_submitted": ready, "payouts_enabled": ready,
        "capabilities": {"transfers": "active" if ready else "inactive"},
        "requirements": {
            "currently_due": due, "past_due": due, "eventually_due": [], "pending_verification": [],
            "disabled_reason": None if ready else "requirements.past_due",
        },
    }  # fmt: skip


def _metadata(given: dict[str, str]) -> dict[str, str]:
    return {"reference": given.get("metadata[reference]", "")}


def _list(found: list[dict[str, Any]]) -> Answer:
    return 200, {"object": "list", "data": found, "has_more": False, "url": "/v1/transfers"}


def _refused(code: str) -> Answer:
    return 400, {"error": {"type": "invalid_request_error", "code": code, "message": "No."}}


def _missing() -> Answer:
    return 404, {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such object."}}

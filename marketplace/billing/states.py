"""The life cycles of a submitted invoice and of what follows it."""

from marketplace.platform.states import Transitions

INVOICE: Transitions = {
    "accepted": {"submitted": "accepted"},
    "returned": {"submitted": "returned"},
    # disputes and payments are the ledger's own doors
    "disputed": {"submitted": "disputed", "accepted": "disputed"},
    "paid": {"accepted": "paid"},
}

PAYMENT_RUN: Transitions = {
    "approved": {"built": "approved"},
    "exported": {"built": "exported", "approved": "exported"},
    "cancelled": {"built": "cancelled", "approved": "cancelled"},
    "paid": {"exported": "exported"},
}

CREDIT_NOTE: Transitions = {
    "confirmed": {"asked": "confirmed"},
    "refused": {"asked": "refused"},
    "asked for again": {"refused": "asked"},
    "withdrawn": {"asked": "withdrawn", "refused": "withdrawn"},
}

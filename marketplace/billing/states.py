"""The life cycles of a submitted invoice and of what follows it."""

from marketplace.platform.states import Transitions

INVOICE: Transitions = {
    "accepted": {"submitted": "accepted"},
    "returned": {"submitted": "returned"},
}  # paid is what the payment run's payments make it; a dispute is its deduction's, and leaves the invoice as it is

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
    "decided": {"refused": "confirmed"},
    "withdrawn": {"asked": "withdrawn", "refused": "withdrawn"},
}

"""The life cycle of a submitted invoice."""

from marketplace.platform.states import Transitions

INVOICE: Transitions = {
    "accepted": {"submitted": "accepted"},
    "returned": {"submitted": "returned"},
    # disputes and payments are the ledger's own doors
    "disputed": {"submitted": "disputed", "accepted": "disputed"},
    "paid": {"accepted": "paid"},
}

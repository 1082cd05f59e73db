"""A line of the bank's statement is cards' money that Stripe has paid out to the client account: no purchase's transfer."""

from marketplace.platform.migrate import sql_migration

ID = "m0059b_cards_money"

UP = """
SET LOCAL ROLE {prefix}_owner;
ALTER TABLE bank_receipt DROP CONSTRAINT bank_receipt_state_check,
    ADD CONSTRAINT bank_receipt_state_check CHECK (state IN ('matched', 'unmatched', 'set_aside', 'from_cards'));
CREATE INDEX bank_receipt_from_cards ON bank_receipt (commissioner_id, received_on) WHERE state = 'from_cards';
"""

# An older version knows no such state: it has to be looked at again.
DOWN = """
SET LOCAL ROLE {prefix}_owner;
DROP INDEX bank_receipt_from_cards;
ALTER TABLE bank_receipt DROP CONSTRAINT bank_receipt_state_check;
RESET ROLE;
UPDATE bank_receipt SET state = 'unmatched' WHERE state = 'from_cards';
SET LOCAL ROLE {prefix}_owner;
ALTER TABLE bank_receipt ADD CONSTRAINT bank_receipt_state_check CHECK (state IN ('matched', 'unmatched', 'set_aside'));
"""


async def forwards():
    return sql_migration(ID, "Cards' money in the client account", UP, DOWN)

"""Who stands on an e-invoice: addresses, VAT and electronic addresses of both parties, the provider's bank account."""

from marketplace.platform.migrate import sql_migration

ID = "m0023_billing_parties"

# Each sees its own; the other party's once an invoice stands between them (asked under invoice's own policies).
PARTIES = """organisation_id IN (SELECT i.provider_id FROM invoice i WHERE i.commissioner_id = app_commissioner()
    UNION SELECT i.commissioner_id FROM invoice i WHERE i.provider_id = app_organisation())"""

UP = f"""
SET LOCAL ROLE {{prefix}}_owner;
CREATE TABLE billing_party (
    organisation_id uuid PRIMARY KEY REFERENCES organisation,
    street text NOT NULL, city text NOT NULL, postcode text NOT NULL,
    company_number text NOT NULL DEFAULT '', vat_number text NOT NULL DEFAULT '' CHECK (vat_number ~ '^(GB([0-9]{{9}}|[0-9]{{12}}))?$'),
    gln text NOT NULL DEFAULT '' CHECK (gln ~ '^([0-9]{{13}})?$'),
    buyer_reference text NOT NULL DEFAULT '',               -- a commissioner's: what invoices to it quote
    account_name text NOT NULL DEFAULT '', sort_code text NOT NULL DEFAULT '' CHECK (sort_code ~ '^([0-9]{{6}})?$'),
    account_number text NOT NULL DEFAULT '' CHECK (account_number ~ '^([0-9]{{8}})?$'),
    changed_at timestamptz NOT NULL, changed_by uuid NOT NULL REFERENCES person
);
-- On which ground a VAT-registered provider's care on a lot is exempt.
CREATE TABLE vat_ground (
    provider_id uuid NOT NULL REFERENCES provider, framework_id uuid NOT NULL, lot_code text NOT NULL,
    ground text NOT NULL CHECK (ground IN ('welfare', 'health')),
    PRIMARY KEY (provider_id, framework_id, lot_code),
    FOREIGN KEY (framework_id, lot_code) REFERENCES framework_lot
);
ALTER TABLE billing_party ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing_party FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON billing_party FOR ALL TO {{prefix}}_app, {{prefix}}_worker
    USING (organisation_id = app_organisation()) WITH CHECK (organisation_id = app_organisation());
CREATE POLICY parties ON billing_party FOR SELECT TO {{prefix}}_app, {{prefix}}_worker USING ({PARTIES});
GRANT SELECT, INSERT, UPDATE ON billing_party TO {{prefix}}_app, {{prefix}}_worker;
ALTER TABLE vat_ground ENABLE ROW LEVEL SECURITY;
ALTER TABLE vat_ground FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON vat_ground FOR ALL TO {{prefix}}_app, {{prefix}}_worker
    USING (provider_id = app_organisation()) WITH CHECK (provider_id = app_organisation());
CREATE POLICY payers ON vat_ground FOR SELECT TO {{prefix}}_app, {{prefix}}_worker
    USING (provider_id IN (SELECT i.provider_id FROM invoice i WHERE i.commissioner_id = app_commissioner()));
GRANT SELECT, INSERT, UPDATE ON vat_ground TO {{prefix}}_app, {{prefix}}_worker;
RESET ROLE;
GRANT SELECT ON billing_party, vat_ground TO {{prefix}}_backup;
"""

DOWN = "DROP TABLE vat_ground, billing_party;"


async def forwards():
    return sql_migration(ID, "Parties of e-invoices", UP, DOWN)

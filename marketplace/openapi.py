"""`marketplace openapi`: the API's description as the marketplace serves it at /schema, without serving it."""

from __future__ import annotations

import json
import sys

from marketplace.app import create_app
from marketplace.settings import Settings

if __name__ == "__main__":
    # Nothing is connected to: the description needs no database, so any address and secret will do.
    app = create_app(Settings(database_url="postgresql://nobody@localhost/none", secret="0" * 64))
    json.dump(app.openapi_schema.to_schema(), sys.stdout, indent=2)
    sys.stdout.write("\n")

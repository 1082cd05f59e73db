"""`marketplace serve admin`: the commissioner's console and the operator's pages."""

from __future__ import annotations

import sys

from admin.app import create_app
from marketplace.platform.serving import serve

if __name__ == "__main__":
    sys.exit(serve(create_app, "admin", sys.argv[1:]))

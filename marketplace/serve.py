"""`marketplace serve marketplace`: the marketplace's own site; `serve files`: the site of files. (`serve admin` is
`admin/serve.py`.)"""

from __future__ import annotations

import sys

from marketplace import files_site
from marketplace.app import create_app
from marketplace.platform.serving import serve


def main() -> int:
    arguments = sys.argv[1:]
    if arguments[:1] == ["marketplace"]:
        return serve(create_app, "marketplace", arguments[1:])
    if arguments[:1] == ["files"]:
        return serve(files_site.create_app, "files", arguments[1:], "files_url")
    sys.stderr.write("Say which site to serve: marketplace serve marketplace, serve admin, or serve files.\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())

"""The Jinja environment of the pages.

Our own templates run strict: an unknown name is an error, not a gap on the page. The design system's macros test for
options nobody gave, so they live in a lenient environment of their own and come to our templates as functions
(`govuk.button({...})`); frame and forms use them, rows of lists are plain markup (ten times faster).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Environment, FileSystemLoader, PackageLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from marketplace.web import fields, svg
from marketplace.web.filters import FILTERS
from marketplace.web.static_files import StaticFiles

PACKAGE = Path(__file__).parent.parent
COMPONENTS = {
    "back_link": ("back-link", "govukBackLink"),
    "button": ("button", "govukButton"),
    "character_count": ("character-count", "govukCharacterCount"),
    "checkboxes": ("checkboxes", "govukCheckboxes"),
    "date_input": ("date-input", "govukDateInput"),
    "details": ("details", "govukDetails"),
    "error_summary": ("error-summary", "govukErrorSummary"),
    "file_upload": ("file-upload", "govukFileUpload"),
    "generic_header": ("generic-header", "govukGenericHeader"),
    "input": ("input", "govukInput"),
    "inset_text": ("inset-text", "govukInsetText"),
    "notification_banner": ("notification-banner", "govukNotificationBanner"),
    "panel": ("panel", "govukPanel"),
    "password_input": ("password-input", "govukPasswordInput"),
    "phase_banner": ("phase-banner", "govukPhaseBanner"),
    "radios": ("radios", "govukRadios"),
    "select": ("select", "govukSelect"),
    "service_navigation": ("service-navigation", "govukServiceNavigation"),
    "skip_link": ("skip-link", "govukSkipLink"),
    "tabs": ("tabs", "govukTabs"),
    "task_list": ("task-list", "govukTaskList"),
    "textarea": ("textarea", "govukTextarea"),
    "warning_text": ("warning-text", "govukWarningText"),
}


class Components:
    """The design system's components as functions of one dictionary: `components.button({"text": "Save"})`."""

    def __init__(self) -> None:
        lenient = Environment(
            loader=PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")}),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=ChainableUndefined,
        )
        for name, (folder, macro) in COMPONENTS.items():
            template = lenient.get_template(f"govuk_frontend_jinja/components/{folder}/macro.html")
            setattr(self, name, getattr(template.module, macro))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{name!r} is not among the design system's components in templating.COMPONENTS")


def make_environment(static: StaticFiles, template_folders: Sequence[Path] = ()) -> Environment:
    """All templates of the project by the names `layout.html`, `macros.html` and `<domain>/<page>.html`."""
    folders = [*template_folders, *sorted(PACKAGE.glob("*/templates"))]
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    components = Components()
    environment.filters.update(FILTERS)
    environment.globals.update(
        govuk=components,
        field=fields.Fields(components),
        svg=svg,
        static=static.url,
        Markup=Markup,
    )
    return environment

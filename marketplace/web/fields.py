"""A form's questions as the design system draws them, bound to what was typed and what is wrong with it.

In a template:  {{ field.input(form, "title", label="Title", hint="A few words") }}
Every function takes the form, the field's name and its label (or legend) and gives markup. `heading=True` makes the
label the page's <h1>, for pages that ask one question.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from markupsafe import Markup

from marketplace.web.forms import Form

# (value, label) or (value, label, hint)
Option = Sequence[str]


class Fields:
    """`components` are the design system's macros as functions (templating.Components)."""

    def __init__(self, components: Any) -> None:
        self.components = components

    def input(
        self,
        form: Form,
        name: str,
        *,
        label: str,
        hint: str = "",
        width: int | str | None = None,
        prefix: str = "",
        suffix: str = "",
        type: str = "text",  # the HTML attribute's own name
        inputmode: str = "",
        autocomplete: str = "",
        spellcheck: bool | None = None,
        heading: bool = False,
    ) -> Markup:
        """One line of text. `width` is in characters (2, 3, 4, 5, 10, 20, 30) or a grid word ("one-half")."""
        options = self._common(form, name, label, hint, heading)
        options["value"] = form.value(name)
        options["type"] = type
        if width is not None:
            options["classes"] = f"govuk-input--width-{width}" if isinstance(width, int) else f"govuk-!-width-{width}"
        if prefix:
            options["prefix"] = {"text": prefix}
        if suffix:
            options["suffix"] = {"text": suffix}
        for key, value in (("inputmode", inputmode), ("autocomplete", autocomplete)):
            if value:
                options[key] = value
        if spellcheck is not None:
            options["spellcheck"] = spellcheck
        return self.components.input(options)

    def number(
        self,
        form: Form,
        name: str,
        *,
        label: str,
        hint: str = "",
        width: int = 3,
        suffix: str = "",
        heading: bool = False,
    ) -> Markup:
        """A whole number: digits on a phone, no arrows that change it by accident."""
        return self.input(
            form, name, label=label, hint=hint, width=width, suffix=suffix, inputmode="numeric", heading=heading
        )

    def pounds(
        self, form: Form, name: str, *, label: str, hint: str = "", width: int = 5, heading: bool = False
    ) -> Markup:
        """An amount of money."""
        return self.input(
            form,
            name,
            label=label,
            hint=hint,
            width=width,
            prefix="£",
            inputmode="decimal",
            spellcheck=False,
            heading=heading,
        )

    def time(
        self, form: Form, name: str, *, label: str, hint: str = "For example, 9:30am or 2pm", heading: bool = False
    ) -> Markup:
        """A time of the day, typed."""
        return self.input(form, name, label=label, hint=hint, width=10, spellcheck=False, heading=heading)

    def password(
        self, form: Form, name: str, *, label: str, hint: str = "", autocomplete: str = "current-password"
    ) -> Markup:
        """A secret: it can be shown while typing and is never sent back to the page."""
        options = self._common(form, name, label, hint, False)
        options["autocomplete"] = autocomplete
        return self.components.password_input(options)

    def textarea(
        self,
        form: Form,
        name: str,
        *,
        label: str,
        hint: str = "",
        rows: int = 5,
        most: int | None = None,
        heading: bool = False,
    ) -> Markup:
        """Several lines; with `most` characters the number left is counted."""
        options = self._common(form, name, label, hint, heading)
        options |= {"value": form.value(name), "rows": rows}
        if most is None:
            return self.components.textarea(options)
        return self.components.character_count(options | {"maxlength": most})

    def select(
        self,
        form: Form,
        name: str,
        *,
        label: str,
        options: Iterable[Option],
        hint: str = "",
        empty: str | None = "",
        heading: bool = False,
    ) -> Markup:
        """A drop-down; `empty` is the text of the first, empty choice (None: there is none). Prefer radios."""
        settings = self._common(form, name, label, hint, heading)
        typed = form.value(name)
        items = [] if empty is None else [{"value": "", "text": empty or "Choose", "selected": not typed}]
        items += [{"value": o[0], "text": o[1], "selected": str(o[0]) == typed} for o in options]
        return self.components.select(settings | {"items": items})

    def radios(
        self,
        form: Form,
        name: str,
        *,
        legend: str,
        options: Iterable[Option],
        hint: str = "",
        inline: bool = False,
        small: bool = False,
        heading: bool = False,
    ) -> Markup:
        """One of several.

        No questions revealed by a choice: the script marks such radios in a way the accessibility rules refuse, and
        one thing a page reads better anyway.
        """
        typed = form.value(name)
        items = [self._item(option, str(option[0]) == typed) for option in options]
        settings = self._group(form, name, legend, hint, heading) | {"idPrefix": name, "name": name, "items": items}
        settings["classes"] = " ".join(
            part for part, wanted in (("govuk-radios--inline", inline), ("govuk-radios--small", small)) if wanted
        )
        return self.components.radios(settings)

    def checkboxes(
        self,
        form: Form,
        name: str,
        *,
        legend: str,
        options: Iterable[Option],
        hint: str = "",
        small: bool = False,
        heading: bool = False,
    ) -> Markup:
        """Any of several."""
        ticked = set(form.values(name))
        items = [self._item(option, str(option[0]) in ticked) for option in options]
        settings = self._group(form, name, legend, hint, heading) | {"idPrefix": name, "name": name, "items": items}
        if small:
            settings["classes"] = "govuk-checkboxes--small"
        return self.components.checkboxes(settings)

    def checkbox(self, form: Form, name: str, *, label: str, hint: str = "") -> Markup:
        """A single box: ticked is "yes"."""
        item: dict[str, Any] = {"value": "yes", "text": label, "checked": form.boolean(name)}
        if hint:
            item["hint"] = {"text": hint}
        settings: dict[str, Any] = {"idPrefix": name, "name": name, "items": [item]}
        if name in form.errors:
            settings["errorMessage"] = {"text": form.errors[name]}
        return self.components.checkboxes(settings)

    def date(
        self,
        form: Form,
        name: str,
        *,
        legend: str,
        hint: str = "For example, 11 5 2026",
        heading: bool = False,
        birthday: bool = False,
    ) -> Markup:
        """A day in three fields."""
        items: list[dict[str, Any]] = []
        for part, width in (("day", 2), ("month", 2), ("year", 4)):
            item: dict[str, Any] = {
                "name": f"{name}-{part}",
                "id": f"{name}-{part}",
                "label": part.capitalize(),
                "value": form.value(f"{name}-{part}"),
                "classes": f"govuk-input--width-{width}" + (" govuk-input--error" if name in form.errors else ""),
            }
            if birthday:
                item["autocomplete"] = f"bday-{part}"
            items.append(item)
        return self.components.date_input(self._group(form, name, legend, hint, heading) | {"id": name, "items": items})

    def file(
        self, form: Form, name: str, *, label: str, hint: str = "", accept: str = "", heading: bool = False
    ) -> Markup:
        """A file; the form needs enctype="multipart/form-data". `accept` lists content types for the browser's dialog
        (phones then turn their own kind of photo into one of them)."""
        options = self._common(form, name, label, hint, heading)
        if accept:
            options["attributes"] = {**options.get("attributes", {}), "accept": accept}
        return self.components.file_upload(options)

    def hidden(self, name: str, value: object) -> Markup:
        """A value that travels with the form; it is sent by a browser, so it is checked like any other."""
        return Markup('<input type="hidden" name="{}" value="{}">').format(name, value)

    def button(self, text: str, *, kind: str = "", name: str = "", value: str = "", formaction: str = "") -> Markup:
        """The button that sends the form; `kind` is "secondary" or "warning". One plain button a page."""
        options: dict[str, Any] = {"text": text, "preventDoubleClick": True}
        if kind:
            options["classes"] = f"govuk-button--{kind}"
        if name:
            options |= {"name": name, "value": value}
        if formaction:
            options["attributes"] = {"formaction": formaction}
        return self.components.button(options)

    def link_button(self, text: str, href: str, *, kind: str = "", start: bool = False) -> Markup:
        """A link that looks like a button: it leads on and changes nothing."""
        options: dict[str, Any] = {"text": text, "href": href, "isStartButton": start}
        if kind:
            options["classes"] = f"govuk-button--{kind}"
        return self.components.button(options)

    def _common(self, form: Form, name: str, label: str, hint: str, heading: bool) -> dict[str, Any]:
        options: dict[str, Any] = {"id": name, "name": name, "label": {"text": label}}
        if heading:
            options["label"] |= {"isPageHeading": True, "classes": "govuk-label--l"}
        if hint:
            options["hint"] = {"text": hint}
        if name in form.errors:
            options["errorMessage"] = {"text": form.errors[name]}
        return options

    def _group(self, form: Form, name: str, legend: str, hint: str, heading: bool) -> dict[str, Any]:
        size = "l" if heading else "s"
        settings: dict[str, Any] = {
            "fieldset": {
                "legend": {"text": legend, "isPageHeading": heading, "classes": f"govuk-fieldset__legend--{size}"}
            }
        }
        if hint:
            settings["hint"] = {"text": hint}
        if name in form.errors:
            settings["errorMessage"] = {"text": form.errors[name]}
        return settings

    def _item(self, option: Option, chosen: bool) -> dict[str, Any]:
        item: dict[str, Any] = {"value": str(option[0]), "text": option[1], "checked": chosen}
        if len(option) > 2 and option[2]:
            item["hint"] = {"text": option[2]}
        return item

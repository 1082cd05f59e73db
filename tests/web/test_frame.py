"""What the frame refuses while an app is being built."""

from __future__ import annotations

import pytest
from jinja2 import DictLoader, UndefinedError

from marketplace.web.frame import Brand
from marketplace.web.render import own_path
from marketplace.web.static_files import AssetsMissing, StaticFiles, load_static_files
from marketplace.web.templating import make_environment


@pytest.mark.parametrize("colour", ["red", "#fff", "#12345g", "#123456;}", "#123456</style>"])
def test_a_brand_colour_is_only_a_colour(colour: str) -> None:
    with pytest.raises(ValueError, match="#rrggbb"):
        Brand("Council", colour)


@pytest.mark.parametrize(
    ("colour", "ink"),
    [("#1d4f91", "#ffffff"), ("#ffdd00", "#000000"), ("#777777", "#000000"), ("#000000", "#ffffff")],
)
def test_letters_can_be_read_on_the_brand_colour(colour: str, ink: str) -> None:
    assert Brand("Council", colour).ink == ink


def test_a_page_with_an_unknown_name_fails_loudly() -> None:
    environment = make_environment(StaticFiles({}))
    environment.loader = DictLoader({"page.html": "{{ nobody_gave_this }}"})
    with pytest.raises(UndefinedError):
        environment.get_template("page.html").render()


def test_every_template_of_the_project_compiles() -> None:
    environment = make_environment(load_static_files())
    names = environment.list_templates()
    assert "layout.html" in names
    for name in names:
        environment.get_template(name)


def test_missing_assets_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("marketplace.web.static_files.FOLDERS", ())
    with pytest.raises(AssetsMissing, match="uv sync"):
        load_static_files()


@pytest.mark.parametrize(
    "path",
    [
        "//evil.test",
        "https://evil.test",
        "/\\evil.test",
        "evil",
        "",
        "/a\r\nSet-Cookie: x",
        "/\t/evil.test",
        "javascript:x",
    ],
)
def test_going_on_stays_on_this_site(path: str) -> None:
    assert own_path(path) == "/"
    assert own_path("/referrals?page=2") == "/referrals?page=2"

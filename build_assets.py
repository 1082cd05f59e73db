"""Build hook: compiles the design system's assets into marketplace/web/static/built (filled in with the web frame)."""

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class AssetsHook(BuildHookInterface):
    PLUGIN_NAME = "custom"

"""Commands that are imported when they are called: each loads only what it needs itself."""

from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup


class LateGroup(TyperGroup):
    """A group with such commands: by name, as `module:function` or `module:group`."""

    late: ClassVar[dict[str, str]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        """The late ones are the last, in their own order."""
        return [*super().list_commands(ctx), *self.late]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command; a late one is imported now."""
        if cmd_name not in self.late:
            return super().get_command(ctx, cmd_name)
        module, _, name = self.late[cmd_name].partition(":")
        found = getattr(import_module(module), name)
        if isinstance(found, typer.Typer):
            group = typer.main.get_group(found)
            group.name = cmd_name
            return group
        app = typer.Typer(add_completion=False)
        app.command(cmd_name)(found)
        return typer.main.get_command(app)

"""`tradewind completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from tradewind.errors import UserError

_HOW = {
    "bash": "~/.bashrc",
    "zsh": "~/.zshrc",
    "fish": "~/.config/fish/completions/tradewind.fish",
}


@click.command("completion")
@click.argument("shell_name", metavar="SHELL", type=click.Choice(list(_HOW)))
@click.pass_context
def completion_command(ctx: click.Context, shell_name: str) -> None:
    r"""Print the completion script of a shell: bash, zsh or fish.

    \b
    bash: echo 'eval "$(tradewind completion bash)"' >> ~/.bashrc
    zsh:  echo 'eval "$(tradewind completion zsh)"' >> ~/.zshrc
    fish: tradewind completion fish > ~/.config/fish/completions/tradewind.fish
    """
    kind = get_completion_class(shell_name)
    if kind is None:
        raise UserError(f"click knows no completion for {shell_name}")
    root = ctx.find_root().command
    click.echo(kind(root, {}, "tradewind", "_TRADEWIND_COMPLETE").source())

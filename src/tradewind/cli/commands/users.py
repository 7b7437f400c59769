"""`tradewind users`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from tradewind.cli.main import Group
from tradewind.cli.output import emit, output_option
from tradewind.cli.shell import Shell, confirm, missing
from tradewind.errors import NotFound, UserError

if TYPE_CHECKING:
    from tradewind.model.account import Account

ROLES = ("viewer", "user", "op", "admin")

_username = click.option("-u", "--username", required=True, help="Name of the account.")
_password = click.option("-p", "--password", help="The password; asked for when not given.")
_random = click.option("--use-random-password", is_flag=True, help="Make a password and print it.")


@click.group("users", cls=Group)
def users_command() -> None:
    """Keep the accounts that sign in to the web server.

    Roles, each with all of those before it: viewer sees, user triggers and clears, op keeps
    variables, connections and pools, admin keeps accounts.
    """


@users_command.command("list")
@output_option
@click.pass_obj
def list_users(shell: Shell, output: str) -> None:
    """List the accounts."""
    from tradewind.store import accounts

    emit([_row(account) for account in accounts.accounts(shell.db)], output, none="no accounts")


@users_command.command("create")
@_username
@click.option("-r", "--role", type=click.Choice(ROLES), required=True, help="What it may do.")
@click.option("-e", "--email", help="Its e-mail address.")
@_password
@_random
@click.pass_obj
def create_user(
    shell: Shell,
    username: str,
    role: str,
    email: str | None,
    password: str | None,
    use_random_password: bool,
) -> None:
    """Make an account."""
    from tradewind.actions import accounts
    from tradewind.model.account import Account, Role

    chosen, made_up = _choose(password, use_random_password=use_random_password)
    new = Account(username=username, role=Role(role), email=email)
    accounts.create(shell.db, shell.clock, new, chosen, actor=shell.actor)
    click.echo(f"account {username} is made", err=True)
    _tell(chosen, made_up=made_up)


@users_command.command("reset-password")
@_username
@_password
@_random
@click.pass_obj
def reset_password(
    shell: Shell, username: str, password: str | None, use_random_password: bool
) -> None:
    """Give an account a new password and end its sessions."""
    from tradewind.actions import accounts

    _must_exist(shell, username)
    chosen, made_up = _choose(password, use_random_password=use_random_password)
    accounts.set_password(shell.db, shell.clock, username, chosen, actor=shell.actor)
    click.echo(f"account {username} has a new password", err=True)
    _tell(chosen, made_up=made_up)


@users_command.command("set-role")
@_username
@click.option("-r", "--role", type=click.Choice(ROLES), required=True, help="What it may do.")
@click.pass_obj
def set_role(shell: Shell, username: str, role: str) -> None:
    """Change what an account may do."""
    from tradewind.actions import accounts
    from tradewind.model.account import Role

    _must_exist(shell, username)
    accounts.change(shell.db, shell.clock, username, role=Role(role), actor=shell.actor)
    click.echo(f"account {username} is {role}", err=True)


@users_command.command("delete")
@_username
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete_user(shell: Shell, username: str, yes: bool) -> None:
    """Delete an account."""
    from tradewind.actions import accounts

    _must_exist(shell, username)
    confirm(f"Delete the account {username}?", yes=yes)
    accounts.delete(shell.db, shell.clock, username, actor=shell.actor)
    click.echo(f"account {username} is deleted", err=True)


def _row(account: Account) -> dict[str, Any]:
    return {
        "username": account.username,
        "role": account.role.value,
        "email": account.email,
        "is_active": account.active,
        "created_at": account.created_at,
        "signed_in_at": account.signed_in_at,
    }


def _must_exist(shell: Shell, username: str) -> None:
    from tradewind.store import accounts

    known = [account.username for account in accounts.accounts(shell.db)]
    if username not in known:
        raise NotFound(missing("account", username, known, "tradewind users list"))


def _choose(password: str | None, *, use_random_password: bool) -> tuple[str, bool]:
    """Return the password and whether it was made up here."""
    from tradewind.actions import passwords

    if use_random_password:
        return passwords.generate(), True
    if password is not None:
        return password, False
    if not sys.stdin.isatty():
        raise UserError("give the password with --password, or --use-random-password")
    asked = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return str(asked), False


def _tell(password: str, *, made_up: bool) -> None:
    if made_up:
        click.echo(password)

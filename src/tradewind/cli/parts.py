"""How each part of Tradewind is started by `standalone`."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence

import msgspec

from tradewind.cli.launcher import Part, executed, forked
from tradewind.config import Config, without_credentials
from tradewind.log import options_of, set_up
from tradewind.model.defaults import VARIABLE
from tradewind.model.mail import VARIABLE as MAIL_VARIABLE
from tradewind.model.mail import MailSettings
from tradewind.wire.dag_defaults import dag_defaults

TRIGGERER = "triggerer"
OWN_LOGS = "parts"
"""Folder of the parts' own logs, beside those of the DAGs."""


def worker_command_line(config: Config) -> list[str]:
    """Return the program that is the worker of the scheduler's machine."""
    return [
        *(sys.executable, "-m", "tradewind.worker"),
        *("--socket", str(config.run_dir / "workers.sock")),
        *("--state-dir", str(config.run_dir / "worker")),
        *_worker_options(config),
    ]


def remote_worker_command_line(config: Config, name: str, tickets: int) -> list[str]:
    """Return the program that runs attempts for an API server on another machine.

    Args:
        config: the configuration.
        name: of the worker, which has a folder of its own.
        tickets: descriptor of the socket that its tickets come from.
    """
    return [
        *(sys.executable, "-m", "tradewind.worker"),
        *("--server", config.worker.server),
        *("--tickets-fd", str(tickets)),
        *("--state-dir", str(config.run_dir / f"worker-{name}")),
        *_worker_options(config),
    ]


def _worker_options(config: Config) -> list[str]:
    return [
        *("--dags-folder", str(config.core.dags_folder)),
        *("--log-folder", str(config.logging.base_log_folder)),
        *("--lease-s", str(config.scheduler.attempt_lease_s)),
        *("--heartbeat-s", str(config.scheduler.attempt_heartbeat_s)),
        *("--kill-grace-s", str(config.worker.kill_grace_s)),
        *("--drain-s", str(config.worker.drain_s)),
        *("--log-limit-mib", str(config.logging.max_attempt_mib)),
        # No file: the processes that it forks close its descriptors and use their numbers anew.
        *own_log_options(config, to_file=False),
    ]


def triggerer_command_line(config: Config) -> list[str]:
    """Return the program that runs deferred tasks' triggers."""
    return [
        *(sys.executable, "-m", "tradewind.triggerer"),
        *("--socket", str(config.run_dir / "workers.sock")),
        *("--dags-folder", str(config.core.dags_folder)),
        *("--log-folder", str(config.logging.base_log_folder)),
        *("--capacity", str(config.triggerer.capacity)),
        *("--heartbeat-s", str(config.triggerer.heartbeat_s)),
        *("--blocked-s", str(config.triggerer.blocked_s)),
        *own_log_options(config, to_file=True),
    ]


def own_log_options(config: Config, *, to_file: bool) -> list[str]:
    """Return the options that tell a program about its own log."""
    logging = config.logging
    folder = logging.base_log_folder / OWN_LOGS if to_file else None
    return options_of(logging.level, folder, json_lines=logging.json_logs)


def user_code_environment(config: Config, env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of processes that run user code: no credentials, no settings.

    What an author sees of the settings is handed over as one value, wherever it was set.
    """
    defaults = msgspec.json.encode(dag_defaults(config)).decode()
    mail = msgspec.json.encode(mail_settings(config)).decode()
    home = {"AIRFLOW_HOME": str(config.home)}  # tasks of Airflow's users read it
    return {**home, **without_credentials(env), VARIABLE: defaults, MAIL_VARIABLE: mail}


def mail_settings(config: Config) -> MailSettings:
    """Return how tasks send e-mail."""
    smtp, email = config.smtp, config.email
    return MailSettings(
        host=smtp.host,
        port=smtp.port,
        user=smtp.user,
        password=smtp.password,
        starttls=smtp.starttls,
        ssl=smtp.ssl,
        timeout_s=smtp.timeout_s,
        retry_limit=smtp.retry_limit,
        mail_from=email.from_email or smtp.mail_from,
        subject_template=email.subject_template,
        html_content_template=email.html_content_template,
    )


def worker_part(config: Config, env: Mapping[str, str]) -> Part:
    """Return the worker: a program of its own, without credentials."""
    start = executed(worker_command_line(config), user_code_environment(config, env))
    grace_s = config.worker.drain_s + config.worker.kill_grace_s
    return Part(name="worker", start=start, grace_s=grace_s)


def triggerer_part(config: Config, env: Mapping[str, str]) -> Part:
    """Return the triggerer: like the worker, but started when something first defers."""
    start = executed(triggerer_command_line(config), user_code_environment(config, env))
    return Part(name=TRIGGERER, start=start, on_bell=True)


def server_parts(
    config: Config,
    env: Mapping[str, str],
    listener: socket.socket,
    ready: int,
    close: Sequence[int],
) -> list[Part]:
    """Return the scheduler, the processor and the web server: forked, sharing memory.

    Args:
        config: the configuration.
        env: the environment.
        listener: the web server's listening socket; it outlives a restart of the server.
        ready: a descriptor to write a byte to when the web server answers.
        close: the launcher's own descriptors.
    """
    from tradewind.processor import service as processor
    from tradewind.scheduler import service as scheduler
    from tradewind.web import service as web

    def part(name: str, run: Callable[[], None], *, phase: int = 0) -> Part:
        def body() -> None:
            set_up_part(config, name)
            run()

        not_theirs = [*close] if name == "web" else [*close, ready, listener.fileno()]
        return Part(name=name, start=forked(body, close=not_theirs), phase=phase)

    return [
        part("scheduler", lambda: scheduler.serve(config), phase=1),
        part("processor", lambda: processor.serve(config, env)),
        part("web", lambda: web.serve(config, listener, lambda: _say(ready))),
    ]


def set_up_part(config: Config, name: str) -> None:
    """Set up the log of a part: console and file."""
    set_up(
        name,
        level=config.logging.level,
        folder=config.logging.base_log_folder / OWN_LOGS,
        json_lines=config.logging.json_logs,
    )


def _say(ready: int) -> None:
    try:
        os.write(ready, b"!")
    except OSError:
        # A restarted web server: nobody listens any more.
        return

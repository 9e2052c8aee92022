"""`plait serve`: the built-in agent, and anybody's own, over one store, on one port.

Written with nothing but what everybody has who embeds plait (`Runtime`, `Agent`, `open_store`), so whatever this verb
does a service of one's own can do. Nothing goes to stdout before the line that says where it listens: scripts wait for
that line, or for the file that gets the URL at the same moment.
"""

import gc
import ipaddress
import logging
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any, cast

import click
import trio

from ...protocol import limits
from ...protocol.admission import Allowance
from ...storage import open_store
from .. import (
    Agent,
    Auth,
    BadCertificate,
    BadKey,
    BadProxy,
    Certificate,
    ModelNotOpened,
    Runtime,
    demo_tools,
    keys_from_file,
    keys_from_url,
)
from ..auth.gate import AuthFunction
from ..masking import MaskingFormatter, mask_tracebacks, remember_environment
from ..room.redaction import Redact
from ..server.peer import Proxies
from ..server.resources import raise_descriptors
from ..tools.tool import Tool
from .allowing import WithLimits, allowance_options
from .asking import store_option
from .loading import agent_named, named

log = logging.getLogger("plait.serve")

_SIGHUP: signal.Signals | None = getattr(signal, "SIGHUP", None)  # Windows has none.
INSTRUCTIONS = "You are a helpful assistant. Answer in Markdown."


@click.command("serve", cls=WithLimits)
@store_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8787, show_default=True, help="The port; 0 takes a free one."
)
@click.option(
    "--model",
    envvar="PLAIT_MODEL",
    default="demo",
    show_default=True,
    show_envvar=True,
    help="Who answers as the agent 'assistant': echo, demo, openai:NAME or anthropic:NAME.",
)
@click.option("--agent", "agents", metavar="MODULE:NAME", multiple=True, help="An agent of your own; may be repeated.")
@click.option("--auth", metavar="none|MODULE:FUNCTION", default="none", show_default=True, help="Who may come in.")
@click.option(
    "--secret-file", metavar="F", help="The keys that grants are signed with: a shared secret, a JWK set or a PEM."
)
@click.option("--jwks-url", metavar="URL", help="An issuer's JWK set, in place of a file.")
@click.option(
    "--allow-origin", "origins", metavar="ORIGIN", multiple=True, help="A page elsewhere that may connect; repeatable."
)
@click.option(
    "--trust-proxy",
    "trusted",
    metavar="CIDR",
    multiple=True,
    help="A proxy's address or network, whose X-Forwarded-For, -Proto and -Host count; repeatable.",
)
@click.option("--proxy-protocol", is_flag=True, help="Trusted proxies begin connections with a PROXY header.")
@click.option("--tls-cert", metavar="FILE", help="A certificate chain (PEM): speak TLS; read again when it changes.")
@click.option("--tls-key", metavar="FILE", help="The certificate's key (PEM), without a password.")
@allowance_options
@click.option("--redact", metavar="MODULE:FUNCTION", help="Cleans each text before it is written down.")
@click.option("--ready-file", metavar="F", type=click.Path(path_type=Path), help="Gets the URL once it listens.")
def verb(
    store_url: str,
    host: str,
    port: int,
    model: str,
    agents: tuple[str, ...],
    auth: str,
    secret_file: str | None,
    jwks_url: str | None,
    origins: tuple[str, ...],
    trusted: tuple[str, ...],
    proxy_protocol: bool,
    tls_cert: str | None,
    tls_key: str | None,
    redact: str | None,
    ready_file: Path | None,
    **allowed: int,
) -> None:
    """Serve rooms, their agents and the console until SIGTERM or SIGINT."""
    remember_environment()
    mask_tracebacks()
    gate = _gate(auth, secret_file, jwks_url)
    if gate is None:
        _refuse_what_is_not_safe(host)
    _check_proxies(trusted, proxy_protocol)
    tls = _certificate(tls_cert, tls_key)
    if ready_file is not None and not ready_file.absolute().parent.is_dir():
        raise click.UsageError(f"--ready-file {ready_file} stands in a folder that does not exist")
    _log_to_stderr()
    cleaning = _redactor(redact)
    crew = _crew(model, agents)
    serve = {
        "allow_origins": origins,
        "auth": gate,
        "trust_proxy": trusted,
        "proxy_protocol": proxy_protocol,
        "tls": tls,
    }
    heard = [signal.SIGTERM, signal.SIGINT]
    if tls is not None and _SIGHUP is not None:
        heard.append(_SIGHUP)

    allowance = Allowance(**allowed)
    raise_descriptors()

    async def main() -> None:
        # Before anything that takes time, so that an early signal ends a start in good order, too.
        with trio.open_signal_receiver(*heard) as signals:
            opened = partial(Runtime, allowance=allowance, redact=cleaning)
            async with open_store(store_url) as store, opened(store, crew) as runtime:
                async with trio.open_nursery() as nursery:
                    url = await nursery.start(partial(runtime.serve, host, port, **serve))
                    gc.freeze()  # What is here now stays; to look through all of it for garbage takes 100 ms each time.
                    _tell(url, ready_file)
                    async for each in signals:
                        if tls is None or each != _SIGHUP:
                            break
                        tls.try_reload()
                    nursery.cancel_scope.cancel()
                patience.start()

    patience = threading.Timer(limits.DRAIN_S, _leave)
    patience.daemon = True
    try:
        trio.run(main)
    finally:
        patience.cancel()


def _leave() -> None:
    """End now, though a tool is still at work in a thread, which nobody can cancel and whose result nobody would hear:
    rooms close before they wait for their steps. What is not on disk is found as after a crash."""
    log.warning("a tool has not ended within %d s and is left behind", limits.DRAIN_S)
    os._exit(0)


def _log_to_stderr() -> None:
    """What is logged, without secrets: libraries and tools may log the key that they were refused with."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(MaskingFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def _redactor(name: str | None) -> Redact | None:
    """The function that cleans what is written down."""
    found: Any = named("--redact", name) if name else None
    if name and not callable(found):
        raise click.UsageError(f"--redact {name} is a {type(found).__name__}, not a function")
    return cast("Redact | None", found)


def _gate(auth: str, secret_file: str | None, jwks_url: str | None) -> Auth | None:
    """Who says who asks; None if nobody is asked."""
    if (auth != "none") + bool(secret_file) + bool(jwks_url) > 1:
        raise click.UsageError("say one of --auth MODULE:FUNCTION, --secret-file and --jwks-url")
    try:
        if secret_file:
            return keys_from_file(secret_file)
        if jwks_url:
            return keys_from_url(jwks_url)
    except (BadKey, OSError) as error:
        raise click.UsageError(f"--{'secret-file' if secret_file else 'jwks-url'}: {error}") from None
    if auth == "none":
        return None
    found: Any = named("--auth", auth)
    if not callable(found):
        raise click.UsageError(f"--auth {auth} is a {type(found).__name__}, not a function")
    return cast(AuthFunction, found)


def _refuse_what_is_not_safe(host: str) -> None:
    if not _is_loopback(host):
        raise click.UsageError(
            f"--host {host} lets other machines in, and with --auth none anybody there may read and write every room; "
            "ask for grants with --secret-file, or keep to 127.0.0.1 and put a proxy that knows its users before it"
        )


def _certificate(chain: str | None, key: str | None) -> Certificate | None:
    if not chain and not key:
        return None
    if not chain or not key:
        raise click.UsageError("--tls-cert and --tls-key go together")
    try:
        return Certificate(chain, key)
    except BadCertificate as error:
        raise click.UsageError(f"--tls-cert, --tls-key: {error}") from None


def _check_proxies(trusted: tuple[str, ...], proxy_protocol: bool) -> None:
    try:
        Proxies(trusted, header=proxy_protocol)
    except BadProxy as error:
        raise click.UsageError(f"--{'trust-proxy' if trusted else 'proxy-protocol'}: {error}") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _crew(model: str, agents: tuple[str, ...]) -> list[Agent]:
    """The built-in agent, which answers prompts that name nobody, and behind it those that were named."""
    try:
        assistant = Agent("assistant", model, instructions=INSTRUCTIONS, tools=_demo_tools() if model == "demo" else ())
    except ModelNotOpened as error:
        raise click.UsageError(str(error)) from error
    crew = [assistant, *(agent_named(name) for name in agents)]
    names = [each.name for each in crew]
    if len(set(names)) < len(names):
        raise click.UsageError(f"two agents have the same name: {', '.join(names)}")
    return crew


def _demo_tools() -> tuple[Tool | Agent, ...]:
    """What the demo's scripts ask for: its tools, and a colleague who can search and whom only it can ask."""
    tools = demo_tools()
    return (*tools, Agent("researcher", "demo", tools=[each for each in tools if each.shows == "retrieval"]))


def _tell(url: str, ready_file: Path | None) -> None:
    """Say that it listens. The file appears whole or not at all, so whoever waits for it never reads half a URL."""
    if ready_file is not None:
        half = ready_file.with_name(f".{ready_file.name}.{os.getpid()}")
        half.write_text(f"{url}\n")
        half.replace(ready_file)
    click.echo(f"plait is listening on {url}")

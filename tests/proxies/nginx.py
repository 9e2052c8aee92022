"""A real nginx before a plait server: TLS ends there, WebSockets pass, and it says whose each request is."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.certificates import Files

CONF = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; "" close; }}
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {chain};
        ssl_certificate_key {key};
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_buffering off;
            proxy_request_buffering off;
            client_max_body_size 0;
            proxy_read_timeout 1h;
        }}
    }}
}}
"""


def program() -> str | None:
    """Where nginx is, also where a user's PATH has no /usr/sbin."""
    return shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


@contextmanager
def nginx(folder: Path, files: Files, port: int, upstream: int) -> Iterator[subprocess.Popen[bytes]]:
    """nginx at `port` with TLS before the server at `upstream`, ended with the block. It may not listen yet."""
    found = program()
    assert found is not None
    folder.mkdir(exist_ok=True)
    conf = folder / "nginx.conf"
    conf.write_text(CONF.format(folder=folder, port=port, upstream=upstream, chain=files.chain, key=files.key))
    with (folder / "error.log").open("ab") as stderr:
        process = subprocess.Popen([found, "-p", str(folder), "-c", str(conf)], stderr=stderr)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)

"""nginx as a peer: the cheapest thing that can stand between a client and a stream.

It only passes bytes on, the site's own dialect in both directions. One worker, no buffering, keep-alive to both
sides, no logs: as it would be set up for streams.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loads import Dialect
from measure import tree
from processes import DidNotStart, free_port, running
from targets import NGINX, Target

# worker_connections: 2,000 held streams need 4,000. keepalive_requests: a connection is not to end within a load.
_CONFIG = """\
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {work}/nginx.pid;
error_log {work}/error.log warn;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {work}/body;
  proxy_temp_path {work}/proxy;
  fastcgi_temp_path {work}/fastcgi;
  uwsgi_temp_path {work}/uwsgi;
  scgi_temp_path {work}/scgi;
  tcp_nodelay on;
  keepalive_requests 1000000;
  upstream site {{ server 127.0.0.1:{mock}; keepalive 128; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://site;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 300s;
    }}
  }}
}}
"""


@contextmanager
def nginx(mock_port: int, work: Path) -> Iterator[Target]:
    """Runs nginx over the mock."""
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        raise DidNotStart("nginx is not installed (apt-get install nginx-light)")
    port = free_port()
    config = work / "nginx.conf"
    config.write_text(_CONFIG.format(work=work, mock=mock_port, port=port))
    command = [binary, "-c", str(config), "-p", str(work), "-e", str(work / "error.log")]
    with running(command, work / "nginx.log", port=port) as process:
        yield Target(name=NGINX, port=port, dialect=Dialect.MIX, pids=lambda: tree(process.pid))

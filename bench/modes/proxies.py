"""The reverse proxies that the front door is held against: one worker each, connections kept at both ends, nothing buffered
and no log of requests."""
import os
import pathlib
import shutil
import sys

from modes.processes import FRONT, Process, free_port


def _nginx(folder, address, engine):
    # As root, nginx would drop to a user that may not open the engine's socket.
    user = "user root;" if os.geteuid() == 0 else ""
    temporary = " ".join(f"{each}_temp_path {folder}/{each};" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return f"""
{user} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; {temporary}
  upstream engine {{ server unix:{engine}; keepalive 64; keepalive_requests 100000000; }}
  server {{
    listen {address};
    location / {{ proxy_pass http://engine; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_read_timeout 600s; }}
  }}
}}
"""


def _haproxy(_folder, address, engine):
    return f"""
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  option http-no-delay
  http-reuse always
  timeout connect 5s
  timeout client 600s
  timeout server 600s
listen front
  bind {address}
  server engine unix@{engine}
"""


# For each: what makes its configuration, and its command line but for the configuration's name.
_KINDS = {"nginx": (_nginx, ["-c"]), "haproxy": (_haproxy, ["-db", "-f"])}


def proxies(directory, engine):
    """Name -> (process, address) of those that are installed, before the engine's socket; not started."""
    out = {}
    for name, (configuration, flags) in _KINDS.items():
        program = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")
        if not program:
            print(f"bench/run: {name} is missing and left out. Run: scripts/setup --bench", file=sys.stderr)
            continue
        address = f"127.0.0.1:{free_port()}"
        path = pathlib.Path(directory) / f"{name}.conf"
        path.write_text(configuration(directory, address, engine))
        out[name] = (Process(program, *flags, path, log=f"{directory}/{name}.log", cores=FRONT), address)
    return out

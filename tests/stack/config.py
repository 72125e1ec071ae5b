"""The files a stack is configured by: bellman.conf, nginx.conf, rabbitmq.conf and the broker's definitions."""
import base64
import configparser
import hashlib
import json
import os
import pathlib
import shlex

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DB_NAME = "bellman"
DB_USER = "bellman"
DB_PASSWORD = "bellman"
AMQP_USER = "bellman"
AMQP_PASSWORD = "bellman"


def base_settings(stack):
    return {
        "database": {"socket": stack.db_socket, "name": DB_NAME, "user": DB_USER, "password": DB_PASSWORD},
        "broker": {"url": stack.amqp_url, "layout": stack.layout},
        "api": {"listen": stack.api_sockets[0]},
        "auth": {"jwks_file": stack.dir / "keys" / "jwks.json"},
        "consumer": {"diagnostics": "true"},
        "smtp": {"host": "127.0.0.1", "port": stack.ports["smtp"], "tls": "none",
                 "from_address": "bellman@example.com", "from_name": "Bellman"},
        "egress": {"allow_private": "true"},
        "seal": {"key_file": stack.dir / "keys" / "keyring"},
        "log": {"level": os.environ.get("BELLMAN_LOG_LEVEL", "info")},
    }


def write_private(path, text):
    part = path.with_name(path.name + ".new")
    part.touch(mode=0o600)
    part.write_text(text, encoding="utf-8")
    part.rename(path)


def write_bellman(stack, path=None):
    """bellman.conf (or path), with extra (INI text, or the name of a file of it) laid over the stack's own values."""
    parser = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#", ";"), strict=False)
    parser.optionxform = str
    parser.read_dict({s: {k: str(v) for k, v in keys.items()} for s, keys in base_settings(stack).items()})
    extra = stack.conf_extra
    if extra and "\n" not in extra and "[" not in extra:
        extra = pathlib.Path(extra).read_text(encoding="utf-8")
    if extra:
        parser.read_string(extra.replace("\\n", "\n"))
    lines = ["# Written by the stack launcher at every start."]
    for section in parser.sections():
        lines.append(f"\n[{section}]")
        lines += [f"{key}={value}" for key, value in parser.items(section)]
    write_private(path or stack.config, "\n".join(lines) + "\n")


def page_directory():
    """Where `make web` builds the page; without it nginx serves the API alone."""
    return REPOSITORY / "build" / "web"


def write_nginx(stack):
    home = stack.dir / "nginx"
    (home / "tmp").mkdir(parents=True, exist_ok=True)
    link = home / "snippets"
    if not link.is_symlink() or os.readlink(link) != str(REPOSITORY / "nginx" / "snippets"):
        link.unlink(missing_ok=True)
        link.symlink_to(REPOSITORY / "nginx" / "snippets")
    half = len(stack.api_sockets) // 2
    servers = "\n".join(f"        server \"unix:{path}\" max_fails=0{'' if i < half else ' backup'};"
                        for i, path in enumerate(stack.api_sockets))
    temp = "\n".join(f"    {name}_temp_path \"{home}/tmp/{name}\";"
                     for name in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
    types = pathlib.Path("/etc/nginx/mime.types")
    (home / "nginx.conf").write_text(f"""# Written by the stack launcher at every start.
{'user root;' if os.geteuid() == 0 else ''}
worker_processes 2;
worker_rlimit_nofile 4096;
daemon off;
pid "{home}/nginx.pid";
error_log "{stack.log_dir}/nginx.log" warn;
events {{
    worker_connections 2048;
}}
http {{
    {f'include {types};' if types.exists() else ''}
    default_type application/octet-stream;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 100000;
{temp}
    include snippets/bellman-http.conf;
    access_log "{stack.log_dir}/nginx-access.log" bellman buffer=16k flush=1s;
    upstream bellman_api {{
{servers}
        keepalive 64;
        keepalive_time 500ms;
        keepalive_timeout 500ms;
    }}
    server {{
        listen 127.0.0.1:{stack.ports['http']} backlog=2048;
        server_name localhost;
        root "{page_directory()}";
        charset utf-8;
        include snippets/bellman.conf;
        include snippets/bellman-page.conf;
    }}
}}
""", encoding="utf-8")


def password_hash(password):
    salt = b"bell"
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def write_rabbitmq(stack):
    """The broker starts from the definitions that are shipped, with a user of the stack's own added."""
    home = stack.dir / "rabbitmq"
    home.mkdir(exist_ok=True)
    shipped = REPOSITORY / "packaging" / "rabbitmq-definitions.json"
    definitions = json.loads(shipped.read_text(encoding="utf-8")) if shipped.exists() else {}
    vhosts = [v["name"] for v in definitions.setdefault("vhosts", [])]
    if stack.vhost not in vhosts:
        definitions["vhosts"].append({"name": stack.vhost})
    definitions["users"] = [{"name": AMQP_USER, "password_hash": password_hash(AMQP_PASSWORD),
                             "hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ["administrator"]}]
    definitions["permissions"] = [{"user": AMQP_USER, "vhost": stack.vhost, "configure": ".*", "write": ".*",
                                   "read": ".*"}]
    write_private(home / "definitions.json", json.dumps(definitions, indent=1))
    (home / "enabled_plugins").write_text("[].\n", encoding="utf-8")
    (home / "rabbitmq.conf").write_text(f"""# Written by the stack launcher at every start.
listeners.tcp.1 = 127.0.0.1:{stack.ports['amqp']}
load_definitions = {home}/definitions.json
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 50MB
log.console = true
log.console.level = info
log.file = false
loopback_users = none
""", encoding="utf-8")
    wrapper = home / "rabbitmqctl"
    exports = "\n".join(f"export {k}={shlex.quote(v)}" for k, v in sorted(rabbitmq_env(stack, {}).items()))
    wrapper.write_text(f"#!/bin/sh\n{exports}\nexec /usr/lib/rabbitmq/bin/rabbitmqctl \"$@\"\n", encoding="utf-8")
    wrapper.chmod(0o700)
    # The same as rabbitmqctl eval, in a hundredth of its time: no virtual machine has to start.
    evaluate = home / "rabbitmq_eval"
    evaluate.write_text(f"""#!/bin/sh
{exports}
said=$(printf '%s\\n' "$1" | /usr/lib/erlang/bin/erl_call -r -n "$RABBITMQ_NODENAME" -e)
case $said in "{{ok, "*) ;; *) echo "$said" >&2; exit 1 ;; esac
""", encoding="utf-8")
    evaluate.chmod(0o700)


def rabbitmq_vhost():
    """The vhost of the shipped definitions: the first, or the default one."""
    shipped = REPOSITORY / "packaging" / "rabbitmq-definitions.json"
    if shipped.exists():
        for vhost in json.loads(shipped.read_text(encoding="utf-8")).get("vhosts", []):
            return vhost["name"]
    return "/"


def rabbitmq_env(stack, base):
    home = stack.dir / "rabbitmq"
    return dict(
        base, HOME=str(home), RABBITMQ_CONF_ENV_FILE="/dev/null", RABBITMQ_NODENAME=f"{stack.node}@localhost",
        RABBITMQ_NODE_IP_ADDRESS="127.0.0.1", RABBITMQ_NODE_PORT=str(stack.ports["amqp"]),
        RABBITMQ_DIST_PORT=str(stack.ports["dist"]), ERL_EPMD_PORT=str(stack.ports["epmd"]),
        ERL_EPMD_ADDRESS="127.0.0.1", RABBITMQ_MNESIA_BASE=str(home / "mnesia"),
        RABBITMQ_LOG_BASE=str(stack.log_dir), RABBITMQ_ENABLED_PLUGINS_FILE=str(home / "enabled_plugins"),
        RABBITMQ_FEATURE_FLAGS_FILE=str(home / "feature_flags"), RABBITMQ_GENERATED_CONFIG_DIR=str(home / "generated"),
        RABBITMQ_PID_FILE=str(home / "pid"), RABBITMQ_CONFIG_FILE=str(home / "rabbitmq.conf"),
        RABBITMQ_SCHEDULER_BIND_TYPE="u",
        # One scheduler leaves the other cores to everybody else. It spins a little before it sleeps: loading code is
        # thousands of hand-overs between two threads, and where waking one is dear a start takes 25 s without, 6 s with.
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 1:1 +sbwt medium +sbwtdcpu none +sbwtdio medium"
                                           " -kernel inet_dist_use_interface {127,0,0,1}")

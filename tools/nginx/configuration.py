"""What cohort-nginx writes, as text: the same declaration gives the same bytes."""

import re

from declaration import time_words

# All that may ever be put into a template; each kind of value is narrower.
HARMLESS = re.compile(r"[A-Za-z0-9_.:/\[\]@+*-]+")


# ---- cohort-upstreams.conf

def server_line(server, parameters, down):
    """Every line of a server ends with its name: who only knows this file can put ` down` in, and take it out."""
    return "  server %s%s%s; # %s" % (harmless(server.address), parameters, " down" if server.name in down else "",
                                      harmless(server.name))


def upstream(declaration, name, lines, keepalive=True):
    out = ["upstream %s {" % harmless(name), "  zone %s %dk;" % (harmless(name), 64 if len(lines) <= 16 else 256)] + lines
    if keepalive and declaration.keepalive:
        out += ["  keepalive %d;" % declaration.keepalive,
                "  keepalive_timeout %s;" % time_words(declaration.keepalive_idle)]
    return out + ["}", ""]


def upstreams(declaration, down):
    passive = " max_fails=%d fail_timeout=%s" % (declaration.max_fails, time_words(declaration.fail_timeout))
    always = " max_fails=0"

    def cluster_lines(cluster, after):
        lines = [server_line(server, passive, down) for server in cluster.servers]
        if after:
            return lines + ["  server %s%s backup;" % (declaration.cluster_hop(after), always)]
        # Nobody comes after: better one that failed a moment ago than nobody.
        return lines + [server_line(server, always + " backup", down) for server in cluster.servers]

    out = ["# Written by cohort-nginx. Which servers are down: ` down` before the `;` of all lines that end with a server's name.",
           "# down: %s" % (" ".join(server.name for server in declaration.servers if server.name in down) or "-"), ""]
    clusters = declaration.clusters
    out += ["# New users."]
    out += upstream(declaration, "cohort_new", cluster_lines(clusters[0], declaration.after(clusters[0])))
    for cluster in clusters:
        after = declaration.after(cluster)
        for server in cluster.servers:
            out += ["# Users of %s; then those that are asked in its place." % server.name]
            if len(cluster.servers) == 1:
                # Without partners, one failure is not enough to give the session up.
                lines = [server_line(server, always, down)] * 2
                lines += ["  server %s%s backup;" % (declaration.cluster_hop(after), always)] if after else []
                out += upstream(declaration, "cohort_to_" + server.name, lines)
                continue
            out += upstream(declaration, "cohort_to_" + server.name,
                            [server_line(server, passive, down),
                             "  server %s%s backup;" % (declaration.server_hop(server), always)])
            lines = [server_line(other, "%s weight=%d" % (always, weight), down)
                     for other, weight in declaration.tries(server)]
            lines += ["  server %s%s backup;" % (declaration.cluster_hop(after), always)] if after else []
            # No idle connections: one that its server has just closed must not look like a dead partner.
            out += upstream(declaration, "cohort_for_" + server.name, lines, keepalive=False)
    for cluster, following in zip(clusters, clusters[1:] + [None]) if len(clusters) > 1 else ():
        out += ["# Users of other clusters, in cluster %s." % cluster.name]
        out += upstream(declaration, "cohort_cluster_" + cluster.name, cluster_lines(cluster, following))
    return "\n".join(out[:-1]) + "\n"


# ---- nginx.conf

def harmless(value):
    text = str(value)
    if not HARMLESS.fullmatch(text):
        raise AssertionError("%r must have been refused" % text)
    return text


def fill(template, lines):
    """Puts `lines` (word: lines) in place of `@WORD@`; a word that stands alone on its line may have any number of them."""
    out = []
    for line in template.split("\n"):
        alone = re.fullmatch(r"( *)@([A-Z_]+)@", line)
        if alone:
            out += [alone[1] + one if one else one for one in lines[alone[2]]]
            continue
        out.append(re.sub("@([A-Z_]+)@", lambda found: lines[found[1]][0], line))
    return "\n".join(out)


def url_route(declaration):
    if declaration.url_parameter == "off":
        return ["map $cohort_cookie_route $cohort_route {", "  default $cohort_cookie_route;", "}"]
    return ["map $request_uri $cohort_url_route {",
            "  default \"\";",
            "  \"~^[^?]*;%s=[!-.0-:<->@-~]{1,512}\\.(?<cohort_in_url>[A-Za-z0-9_-]{1,32})(?:[;/?]|\\z)\" $cohort_in_url;"
            % harmless(declaration.url_parameter),
            "}",
            "# As containers do: the cookie counts, where there is one.",
            "map $cohort_cookie_route $cohort_route {",
            "  default $cohort_cookie_route;",
            "  \"\" $cohort_url_route;",
            "}"]


def forwarded(declaration):
    """Maps, and headers, for X-Forwarded-*."""
    if declaration.forwarded == "replace":
        return [], ["proxy_set_header X-Forwarded-For $remote_addr;",
                    "proxy_set_header X-Real-IP $remote_addr;",
                    "proxy_set_header X-Forwarded-Proto $scheme;",
                    "proxy_set_header X-Forwarded-Host $cohort_host;",
                    "proxy_set_header X-Forwarded-Port $server_port;"]
    maps, headers = [], ["proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;",
                         "proxy_set_header X-Real-IP $remote_addr;"]
    for name, own in (("proto", "$scheme"), ("host", "$cohort_host"), ("port", "$server_port")):
        maps += ["map $http_x_forwarded_%s $cohort_forwarded_%s {" % (name, name),
                 "  default $http_x_forwarded_%s;" % name,
                 "  \"\" %s;" % own,
                 "}"]
        headers += ["proxy_set_header X-Forwarded-%s $cohort_forwarded_%s;" % (name.capitalize(), name)]
    return maps, headers


def tls(declaration):
    if not declaration.tls_listen:
        return []
    return ["ssl_certificate %s;" % harmless(declaration.certificate),
            "ssl_certificate_key %s;" % harmless(declaration.certificate_key),
            "ssl_protocols TLSv1.2 TLSv1.3;",
            "ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;  # Of TLS 1.2; those of 1.3 are all good.",
            "ssl_session_cache shared:cohort_tls:10m;",
            "ssl_session_timeout 1d;",
            "ssl_session_tickets off;",
            ""]


def listen_lines(sockets, tls_on):
    return ["listen %s%s default_server;" % (harmless(socket), " ssl" if tls_on else "") for socket in sockets or ()]


def redirect_server(declaration):
    if not declaration.redirect:
        return []
    tls_port = declaration.tls_listen[0].rsplit(":", 1)[1]
    return (["server {"] + ["  " + line for line in listen_lines(declaration.listen, False)]
            + ["  server_name _;",
               "  return 308 https://$host%s$request_uri;" % ("" if tls_port == "443" else ":" + harmless(tls_port)),
               "}", ""])


def steps(declaration):
    """(socket, upstream) of each second step: those for single servers, then those into clusters."""
    servers = [(declaration.server_hop(server), "cohort_for_" + harmless(server.name))
               for cluster in declaration.clusters if len(cluster.servers) > 1 for server in cluster.servers]
    clusters = [(declaration.cluster_hop(cluster), "cohort_cluster_" + harmless(cluster.name))
                for cluster in declaration.clusters if len(declaration.clusters) > 1]
    # A lone server has nowhere to go; NGINX wants something to listen on all the same.
    return servers + clusters or [(declaration.server_hop(declaration.servers[0]), "cohort_new")]


def places(declaration):
    """Where files go: user, pid, error log, access log, temporary files."""
    own = declaration.directory and harmless(declaration.directory)
    logs = own or "/var/log/nginx"
    out = {"USER": ["user %s;" % harmless(declaration.user)] if declaration.user else [],
           "PID": [own + "/nginx.pid" if own else "/run/nginx.pid"],
           "ERROR_LOG": [logs + "/error.log"],
           "TEMP_PATHS": ["%s_temp_path %s/%s_temp;" % (kind, own, kind)
                          for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")] if own else []}
    for word, form in (("ACCESS_LOG", "cohort"), ("STEP_LOG", "cohort_step")):
        out[word] = ["%s/access.log %s buffer=32k flush=1s" % (logs, form) if declaration.access_log else "off"]
    return out


def main(declaration, template):
    maps, headers = forwarded(declaration)
    largest = max(len(cluster.servers) for cluster in declaration.clusters)
    lines = {
        "WORKERS": [declaration.workers],
        "FILES": [str(2 * declaration.worker_connections + 256)],
        "SHUTDOWN_TIMEOUT": [time_words(declaration.shutdown_timeout)],
        "WORKER_CONNECTIONS": [str(declaration.worker_connections)],
        "COOKIE": [harmless(declaration.cookie)],
        "URL_ROUTE": url_route(declaration),
        "ROUTES": ["=%s cohort_to_%s;" % (harmless(server.name), server.name) for server in declaration.servers],
        "WEBSOCKET": ["~*^websocket$ websocket;"] if declaration.websocket else [],
        "FORWARDED_MAPS": maps,
        "FORWARDED_HEADERS": headers,
        "CONNECT_TIMEOUT": [time_words(declaration.connect_timeout)],
        "READ_TIMEOUT": [time_words(declaration.read_timeout)],
        "LOG_PARAMETER": [harmless(declaration.cookie.lower() if declaration.url_parameter == "off"
                                   else declaration.url_parameter)],
        "TLS": tls(declaration),
        "REDIRECT_SERVER": redirect_server(declaration),
        "LISTEN": (listen_lines(None if declaration.redirect else declaration.listen, False)
                   + listen_lines(declaration.tls_listen, True)),
        "MAX_BODY": [declaration.max_body],
        "RETRY": [declaration.retry],
        # A read timeout and all that could not be reached before it, but not two of them.
        "RETRY_TIMEOUT": [time_words(declaration.read_timeout + declaration.reach(0)
                                     + min(declaration.read_timeout // 2, largest * declaration.connect_timeout))],
        "STEPS": ["%s %s;" % (socket.rsplit(":", 1)[1], target) for socket, target in steps(declaration)],
        "STEP_LISTEN": ["listen %s;" % harmless(socket) for socket, _ in steps(declaration)],
        "STEP_TIMEOUT": [time_words(declaration.reach(declaration.tries_max()))],
    }
    lines.update(places(declaration))
    return fill(template, lines)

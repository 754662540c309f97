"""The declaration of cohort-nginx: which entries there are, what each may be, and whether they fit together.

Nothing is escaped: every value is checked against a pattern in which nothing can end a directive of NGINX, and refused else.
"""

import collections
import configparser
import difflib
import ipaddress
import re

SERVERS_MAX = 64
CLUSTERS_MAX = 16
LISTENS_MAX = 16  # Of each kind.
DECLARATION_BYTES_MAX = 64 * 1024
HOPS = SERVERS_MAX + CLUSTERS_MAX  # Loopback ports from hop_port on.
# How much rather a partner is asked than the server whose user it is, once that one has failed: practically always.
PARTNER_WEIGHT = 65535

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
WORD = re.compile(r"[A-Za-z0-9_]{1,64}")
PATH = re.compile(r"/[A-Za-z0-9._/@+-]{0,254}")
TIME = re.compile(r"([0-9]{1,7})(ms|s|m|h)?")

RETRIES = ("error", "timeout", "invalid_header", "http_502", "http_503", "http_504", "non_idempotent")

class Refused(Exception):
    """What is wrong, where, and what to write instead."""


class Value:
    """What an entry may be: `read` turns its words into a value or raises Refused with what it has to look like."""

    def __init__(self, read, default, meaning):
        self.read, self.default, self.meaning = read, default, meaning


# ---- Kinds of values. Each takes the words of an entry.

def matching(pattern, looks):
    def read(words):
        if not pattern.fullmatch(words):
            raise Refused("write %s" % looks)
        return words
    return read


def path(words):
    if not PATH.fullmatch(words) or ".." in words.split("/"):
        raise Refused("write a whole path of letters, digits and ._/@+- without `..`, like /etc/ssl/shop.pem")
    return words


def yes_or_no(words):
    if words not in ("yes", "no"):
        raise Refused("write yes or no")
    return words == "yes"


def number(low, high):
    def read(words):
        if not re.fullmatch("[0-9]{1,7}", words) or not low <= int(words) <= high:
            raise Refused("write a number from %d to %d" % (low, high))
        return int(words)
    return read


def milliseconds(low, high):
    def read(words):
        found = TIME.fullmatch(words)
        time = int(found[1]) * {"ms": 1, None: 1000, "s": 1000, "m": 60000, "h": 3600000}[found[2]] if found else -1
        if not low <= time <= high:
            raise Refused("write a time from %s to %s, like 500ms, 30s or 2m" % (time_words(low), time_words(high)))
        return time
    return read


def one_of(*known):
    return matching(re.compile("|".join(known)), " or ".join(known))


def workers(words):
    return words if words == "auto" else str(number(1, 64)(words))


def size(words):
    if not re.fullmatch("[0-9]{1,6}[kmg]?", words):
        raise Refused("write a size like 512k, 10m or 1g; 0 is without a limit")
    return words


def retries(words):
    chosen = words.split()
    unknown = [word for word in chosen if word not in RETRIES]
    if unknown or "error" not in chosen or len(set(chosen)) != len(chosen):
        raise Refused("write `error`, and any of: %s" % " ".join(RETRIES[1:]))
    return " ".join(word for word in RETRIES if word in chosen)


def port(words):
    if not re.fullmatch("[0-9]{1,5}", words) or not 1 <= int(words) <= 65535:
        raise Refused("a port is a number from 1 to 65535")
    return int(words)


def endpoint(words):
    """10.0.0.1:8080 or [fd00::1]:8080, in the one way of writing each address."""
    found = re.fullmatch(r"([0-9.]{7,15}|\[[0-9a-fA-F:.]{2,45}\]):([0-9]{1,5})", words)
    if not found:
        raise Refused("write an address and a port, like 10.0.0.1:8080 or [fd00::1]:8080; a name could stand for several")
    try:
        address = ipaddress.ip_address(found[1].strip("[]"))
    except ValueError:
        raise Refused("%s is no address" % found[1]) from None
    if address.is_unspecified or address.is_multicast:
        raise Refused("%s is not the address of one server" % found[1])
    return ("%s:%d" if address.version == 4 else "[%s]:%d") % (address, port(found[2]))


def listens(words):
    """Sockets to listen on: 80, *:80, 10.0.0.1:80, [::]:80; several are separated by spaces."""
    out = []
    for word in words.split():
        found = re.fullmatch(r"(?:(\*|[0-9.]{7,15}|\[[0-9a-fA-F:.]{2,45}\]):)?([0-9]{1,5})", word)
        if not found:
            raise Refused("%s: write a port, or an address and a port, like 80, 10.0.0.1:80 or [::]:80" % word)
        address = found[1] or "*"
        if address != "*":
            try:
                ip = ipaddress.ip_address(address.strip("[]"))
            except ValueError:
                raise Refused("%s is no address" % address) from None
            address = "[%s]" % ip if ip.version == 6 else str(ip)
        out.append("%s:%d" % (address, port(found[2])))
    if not 1 <= len(out) <= LISTENS_MAX or len(set(out)) != len(out):
        raise Refused("write 1 to %d different ones" % LISTENS_MAX)
    return out


def time_words(ms):
    return "%ds" % (ms // 1000) if ms % 1000 == 0 else "%dms" % ms


COOKIE_LOOKS = "up to 64 letters, digits and underscores (NGINX can read no other cookie)"

SITE = {
    "listen": Value(listens, None, "sockets for HTTP: 80, 10.0.0.1:80, [::]:80; several with spaces (80 without tls_listen)"),
    "tls_listen": Value(listens, None, "sockets for HTTPS, TLS 1.2 and 1.3"),
    "certificate": Value(path, None, "the certificate and its chain, PEM; needed by tls_listen"),
    "certificate_key": Value(path, None, "its private key, PEM"),
    "redirect": Value(yes_or_no, False, "yes: what arrives by HTTP is sent to HTTPS, at tls_listen's first port"),
    "cookie": Value(matching(WORD, COOKIE_LOOKS), "JSESSIONID", "name of the session's cookie"),
    "url_parameter": Value(matching(WORD, COOKIE_LOOKS + ", or off"), None,
                           "its name in paths (/cart;jsessionid=...), or off; else jsessionid, or a cookie's own other name"),
    "connect_timeout": Value(milliseconds(50, 60000), 1000, "until a server counts as unreachable"),
    "read_timeout": Value(milliseconds(1000, 86400000), 60000, "until a server that says nothing counts as failed"),
    "retry": Value(retries, "error timeout", "what makes a request go to the next server: error, and any of "
                   + " ".join(RETRIES[1:])),
    "max_fails": Value(number(0, 100), 1, "failures within fail_timeout after which a server gets no users for as long"),
    "fail_timeout": Value(milliseconds(1000, 3600000), 5000, "see max_fails; whole seconds"),
    "keepalive": Value(number(0, 1024), 64, "idle connections to keep, for each worker and upstream"),
    "keepalive_idle": Value(milliseconds(1000, 3600000), 15000,
                            "until one is closed; less than the servers' own (Tomcat's is 20s)"),
    "max_body": Value(size, "10m", "largest body of a request; 0 is without a limit"),
    "forwarded": Value(one_of("replace", "append"), "replace",
                       "X-Forwarded-* of clients: replace, or append behind a proxy that is trusted"),
    "websocket": Value(yes_or_no, True, "WebSocket is let through"),
    "hop_port": Value(number(1024, 65536 - HOPS), 18600,
                      "the first of %d ports of 127.0.0.1 that NGINX uses for itself" % HOPS),
    "directory": Value(path, None, "where pid, logs and temporary files go; it must exist (Debian's places, which need root)"),
    "user": Value(matching(NAME, "the name of a user"), None, "who the workers run as, if NGINX is started by root (www-data)"),
    "access_log": Value(yes_or_no, True, "a line for each request: who was asked, and why (docs/nginx.md)"),
    "workers": Value(workers, "auto", "worker processes: auto, or 1 to 64"),
    "worker_connections": Value(number(64, 1000000), 4096, "connections of each, to users and to servers"),
    "shutdown_timeout": Value(milliseconds(1000, 86400000), 600000,
                              "how long requests from before a reload may go on; at least read_timeout"),
}

Server = collections.namedtuple("Server", "name address")
Cluster = collections.namedtuple("Cluster", "name servers")


class Declaration:
    """The site's values, and its clusters in the order in which users go to them."""

    def __init__(self, sections):
        self.site = dict((name, value.default) for name, value in SITE.items())
        self.clusters = []
        for section, entries in sections:
            self._take(section, entries)
        if not self.clusters:
            raise Refused("no cluster: add a section like\n  [cluster first]\n  n1 = 10.0.0.1:8080\n  n2 = 10.0.0.2:8080")
        self._check_site()
        self._check_servers()

    def __getattr__(self, name):
        if name not in SITE:
            raise AttributeError(name)
        return self.site[name]

    @property
    def servers(self):
        return [server for cluster in self.clusters for server in cluster.servers]

    def _take(self, section, entries):
        words = section.split(" ")
        if section == "site":
            for name, text in entries:
                if name not in SITE:
                    near = difflib.get_close_matches(name, SITE, 1)
                    raise Refused("[site] %s: no such entry%s" % (shown(name), "; is it %s?" % near[0] if near else
                                                                  "; there are: " + " ".join(SITE)))
                self.site[name] = read_entry("[site] " + name, SITE[name].read, text)
        elif words[0] == "cluster" and len(words) == 2 and NAME.fullmatch(words[1]):
            self._take_cluster(words[1], entries)
        else:
            raise Refused("[%s]: no such section; there are [site] and [cluster NAME], NAME of up to 32 letters, digits, _ and -"
                          % shown(section))

    def _take_cluster(self, name, entries):
        place = "[cluster %s]" % name
        if len(self.clusters) == CLUSTERS_MAX:
            raise Refused("%s: more than %d clusters" % (place, CLUSTERS_MAX))
        servers = []
        for server, text in entries:
            if not NAME.fullmatch(server):
                raise Refused("%s %s: a server is named by its route (jvmRoute, workerName): up to 32 letters, digits, _ and -"
                              % (place, shown(server)))
            servers.append(Server(server, read_entry("%s %s" % (place, server), endpoint, text)))
        if not servers:
            raise Refused("%s: no server; add a line like n1 = 10.0.0.1:8080" % place)
        self.clusters.append(Cluster(name, servers))

    def _check_servers(self):
        if len(self.servers) > SERVERS_MAX:
            raise Refused("%d servers: more than %d" % (len(self.servers), SERVERS_MAX))
        names = {}
        addresses = dict(("127.0.0.1:%d" % (self.hop_port + i), "NGINX itself (hop_port)") for i in range(HOPS))
        for cluster in self.clusters:
            for server in cluster.servers:
                place = "[cluster %s] %s" % (cluster.name, server.name)
                # NGINX compares without regard to case.
                for known, key, what in ((names, server.name.lower(), "route"), (addresses, server.address, "address")):
                    if key in known:
                        raise Refused("%s: the %s of %s; every server has its own" % (place, what, known[key]))
                    known[key] = place
        tries = self.tries_max()
        if self.reach(tries) >= self.read_timeout:
            raise Refused("[site] read_timeout: finding out that no server of a cluster is there may take %s, and it has to be "
                          "more than that; or lower connect_timeout" % time_words(self.reach(tries)))

    def _check_site(self):
        site = self.site
        if site["tls_listen"]:
            for name in ("certificate", "certificate_key"):
                if not site[name]:
                    raise Refused("[site] %s: missing; tls_listen needs it" % name)
        else:
            for name in ("certificate", "certificate_key", "redirect"):
                if site[name]:
                    raise Refused("[site] %s: without tls_listen it has no meaning" % name)
            site["listen"] = site["listen"] or ["*:80"]
        if site["redirect"] and not site["listen"]:
            raise Refused("[site] redirect: it needs a listen to redirect from")
        both = (site["listen"] or []) + (site["tls_listen"] or [])
        if len(set(both)) != len(both):
            raise Refused("[site] tls_listen: a socket of listen once more")
        hops = range(site["hop_port"], site["hop_port"] + HOPS)
        taken = [socket for socket in both if int(socket.rsplit(":", 1)[1]) in hops]
        if taken:
            raise Refused("[site] hop_port: ports %d to %d are NGINX's own, and %s is listened on"
                          % (hops[0], hops[-1], taken[0]))
        if site["user"] is None and not site["directory"]:
            site["user"] = "www-data"
        if site["fail_timeout"] % 1000:
            raise Refused("[site] fail_timeout: write whole seconds")
        if site["shutdown_timeout"] < site["read_timeout"]:
            raise Refused("[site] shutdown_timeout: less than read_timeout, so that reloads would break requests off")
        site["url_parameter"] = site["url_parameter"] or {"JSESSIONID": "jsessionid"}.get(site["cookie"], site["cookie"])

    # ---- Who is asked when a server fails.

    def cluster_of(self, server):
        return next(cluster for cluster in self.clusters if server in cluster.servers)

    def tries(self, server):
        """(server, weight): who is asked, in its cluster, for a user of `server` that failed or is put aside.

        Partners first, then the server itself: it may have failed only this once, or by another user's page. Whoever may be
        the last one living is asked twice, because what follows is the loss of the session."""
        servers = self.cluster_of(server).servers
        at = servers.index(server)
        partners = servers[at + 1:] + servers[:at]
        if len(partners) == 1:
            partners = partners * 2
        return [(partner, PARTNER_WEIGHT) for partner in partners] + [(server, 1)] * 2

    def tries_max(self):
        """The most servers that are asked one after the other before a step leads to another cluster."""
        return max([len(self.tries(server)) for server in self.servers]
                   + [2 * len(cluster.servers) for cluster in self.clusters])

    def after(self, cluster):
        """The cluster where its users go when none of its servers can be reached; None if there is none."""
        at = self.clusters.index(cluster)
        if len(self.clusters) == 1:
            return None
        # The first one: from there on every cluster has its turn.
        return self.clusters[1] if at == 0 else self.clusters[0]

    def reach(self, tries):
        """Milliseconds in which so many servers that do not answer are given up, and less than a read timeout."""
        return tries * self.connect_timeout + self.connect_timeout // 2

    def server_hop(self, server):
        return "127.0.0.1:%d" % (self.hop_port + self.servers.index(server))

    def cluster_hop(self, cluster):
        return "127.0.0.1:%d" % (self.hop_port + SERVERS_MAX + self.clusters.index(cluster))


def shown(text):
    """`text` for a message: printable and short, whatever it is."""
    return ascii(text[:60])[1:-1] + ("..." if len(text) > 60 else "")


def read_entry(place, read, text):
    try:
        return read(text)
    except Refused as reason:
        raise Refused("%s = %s: %s" % (place, shown(text), reason)) from None


def read(file):
    try:
        with open(file, "rb") as opened:
            text = opened.read(DECLARATION_BYTES_MAX + 1)
        if len(text) > DECLARATION_BYTES_MAX:
            raise Refused("more than %d bytes: is it a declaration?" % DECLARATION_BYTES_MAX)
        # Only [site] and [cluster NAME] are sections, nothing is interpolated, and case counts.
        parser = configparser.RawConfigParser(delimiters=("=",), default_section="\0", empty_lines_in_values=False)
        parser.optionxform = str
        parser.read_string(text.decode("utf-8"), "declaration")
        return Declaration([(section, parser.items(section)) for section in parser.sections()])
    except OSError as error:
        raise Refused("%s; --example prints a declaration to begin with" % error.strerror) from None
    except UnicodeDecodeError as error:
        raise Refused("byte %d is not UTF-8" % error.start) from None
    except configparser.Error as error:
        reason = re.sub(r"^While reading from '?declaration'? ?", "", str(error))
        raise Refused("%s; --example prints a declaration to begin with" % ascii(reason)[1:-1]) from None

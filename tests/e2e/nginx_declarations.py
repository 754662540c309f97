"""Declarations for tests/e2e/nginx.py: those that NGINX has to take, those that cohort-nginx has to refuse, and its files."""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import stat
import sys

import nginx_site as sites

PAIR = "[cluster first]\nn1 = 10.0.0.1:8080\nn2 = 10.0.0.2:8080\n"


def program():
    """cohort-nginx in this process, for the hundred times that it has to refuse: (status, what it says) of a command line."""
    loader = importlib.machinery.SourceFileLoader("cohort_nginx", sites.GENERATOR)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)

    def run(*flags):
        says, before = io.StringIO(), sys.argv
        sys.argv = ["cohort-nginx"] + list(flags)
        try:
            with contextlib.redirect_stderr(says):
                return module.main(), says.getvalue()
        finally:
            sys.argv = before
    return run


def many(servers, clusters=1, name="n%d"):
    """A declaration of so many servers in so many clusters."""
    out = []
    for cluster in range(clusters):
        out.append("[cluster c%d]" % cluster)
        out += [(name + " = 10.0.%d.%d:8080") % (i, i // 200, 1 + i % 200)
                for i in range(cluster * servers // clusters, (cluster + 1) * servers // clusters)]
    return "\n".join(out) + "\n"


def matrix(site):
    """(name, declaration, flags) that `nginx -t` has to take."""
    cases = [("%s = %s" % pair, site.text(**{pair[0]: pair[1]}), []) for pair in (
        ("cookie", "SHOPID"), ("url_parameter", "off"), ("url_parameter", "sid"), ("forwarded", "append"), ("websocket", "no"),
        ("access_log", "no"), ("redirect", "yes"), ("keepalive", "0"), ("max_body", "0"), ("max_body", "1g"), ("max_fails", "0"),
        ("connect_timeout", "50ms"), ("workers", "auto"), ("hop_port", "1024"), ("hop_port", "65456"),
        ("retry", "error"), ("retry", "error timeout invalid_header http_502 http_503 http_504 non_idempotent"),
        ("listen", "8000 [::1]:8001 *:8002 127.0.0.1:8003"), ("listen", None))]
    cases += [("a read_timeout of a day", site.text(read_timeout="24h", shutdown_timeout="24h"), [])]
    plain = site.text(tls_listen=None, certificate=None, certificate_key=None)
    own = plain.split("[cluster", 1)[0]
    cases += [("without TLS", plain, []),
              ("one server", own + "[cluster a]\nn1 = 10.0.0.1:8080\n", []),
              ("one server, down", own + "[cluster a]\nn1 = 10.0.0.1:8080\n", ["--down", "n1"]),
              ("one server each", own + "[cluster a]\nn1 = 10.0.0.1:8080\n[cluster b]\nn2 = [fd00::1]:8080\n", []),
              ("one cluster", own + PAIR, []), ("one cluster, half", own + PAIR, ["--down", "n2"]),
              ("everything down", plain, ["--down", "n1", "--down", "n2", "--down", "n3", "--down", "n4"]),
              ("words of NGINX as names", own.replace("5s", "9s") + "[cluster default]\ndefault = 10.0.0.1:80\ninclude = 10.0.0.2:80\n"
               "hostnames = 10.0.0.3:80\nvolatile = 10.0.0.4:80\n", []),
              ("long names", own.replace("5s", "9s") + many(64, 16, "n" * 30 + "%02d").replace("[cluster c", "[cluster " + "c" * 29), []),
              ("64 servers in 16 clusters", own.replace("5s", "9s") + many(64, 16), ["--down", "n63"]),
              ("64 servers in a cluster", own.replace("1000ms", "50ms").replace("5s", "30s") + many(64), []),
              ("Windows line ends", plain.replace("\n", "\r\n"), [])]
    return cases


def check_matrix(site):
    file, out = os.path.join(site.directory, "matrix.ini"), os.path.join(site.directory, "matrix")
    cases, run = matrix(site), program()
    for name, text, flags in cases:
        with open(file, "w", newline="") as opened:
            opened.write(text)
        done = sites.generate(file, "--out", out, "--check", "--nginx", site.wrapper, *flags)
        assert done.returncode == 0, "%s: %s" % (name, done.stderr)
        texts = contents(out)
        assert run(file, "--out", out, *flags) == (0, "")
        assert contents(out) == texts, "%s: other bytes the second time" % name
    return "%d declarations" % len(cases)


def contents(folder):
    out = {}
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name)) as opened:
            out[name] = opened.read()
    return out


def bad():
    """(declaration, what the message has to name). Each is wrong in one place."""
    site = "[site]\n"
    out = [
        ("", "no cluster: add a section"),
        (site + "lisen = 80\n" + PAIR, "[site] lisen: no such entry; is it listen?"),
        (site + "zzz = 80\n" + PAIR, "[site] zzz: no such entry; there are: listen"),
        ("[sites]\n" + PAIR, "[sites]: no such section"),
        ("[cluster]\nn1 = 10.0.0.1:80\n", "[cluster]: no such section"),
        ("[cluster a;b]\nn1 = 10.0.0.1:80\n", "[cluster a;b]: no such section"),
        ("[cluster a]\n", "[cluster a]: no server"),
        (PAIR + PAIR, "section 'cluster first' already exists"),
        (PAIR + "n1 = 10.0.0.3:80\n", "option 'n1' in section 'cluster first' already exists"),
        (PAIR + "[cluster b]\nN1 = 10.0.0.3:80\n", "[cluster b] N1: the route of [cluster first] n1"),
        (PAIR + "[cluster b]\nn3 = 10.0.0.1:8080\n", "[cluster b] n3: the address of [cluster first] n1"),
        ("[cluster a]\nn1 = 127.0.0.1:18600\n", "[cluster a] n1: the address of NGINX itself (hop_port)"),
        ("[cluster a]\nn1;x = 10.0.0.1:80\n", "[cluster a] n1;x: a server is named by its route"),
        ("[cluster a]\n%s = 10.0.0.1:80\n" % ("n" * 33), "a server is named by its route"),
        (many(65), "65 servers: more than 64"), (many(17, 17), "[cluster c16]: more than 16 clusters"),
        (site + "read_timeout = 3500ms\n" + PAIR, "[site] read_timeout: finding out"),
        (site + "tls_listen = 443\n" + PAIR, "[site] certificate: missing"),
        (site + "tls_listen = 443\ncertificate = /a.pem\n" + PAIR, "[site] certificate_key: missing"),
        (site + "certificate = /a.pem\n" + PAIR, "[site] certificate: without tls_listen"),
        (site + "redirect = yes\n" + PAIR, "[site] redirect: without tls_listen"),
        (site + "listen = 443\ntls_listen = 443\ncertificate = /a\ncertificate_key = /a\n" + PAIR, "[site] tls_listen: a socket"),
        (site + "listen = 18610\n" + PAIR, "[site] hop_port: ports 18600 to 18679"),
        (site + "shutdown_timeout = 30s\n" + PAIR, "[site] shutdown_timeout: less than read_timeout"),
        (site + "fail_timeout = 1500ms\n" + PAIR, "[site] fail_timeout: write whole seconds"),
        ("[site]\nlisten: 80\n" + PAIR, "contains parsing errors"), ("listen = 80\n", "no section headers"),
        ("# " + "x" * 70000, "more than 65536 bytes"), ("[site]\ncookie = \xff\n" + PAIR, "byte 16 is not UTF-8")]
    wrong = {
        "listen": ["0", "65536", "80 80", "shop:80", "80;", "1.2.3:80", "[::zz]:80", " ".join(map(str, range(1, 18)))],
        "cookie": ["a-b", "a b", "", "x" * 65, "a;", "$host", "a\"b"], "url_parameter": ["a=b", "\u00fc"],
        "certificate": ["shop.pem", "/a;b", "/a/../b", "/a b", "/a\"", "/$host", "/" + "a" * 255, "/a{"],
        "connect_timeout": ["0", "49ms", "1 s", "61s", "-1", "1e3", "1s;"], "read_timeout": ["25h", "999ms"],
        "retry": ["timeout", "error off", "error error", "error http_500;"], "max_fails": ["-1", "101", "1x"],
        "keepalive": ["1025"], "max_body": ["10 m", "10mb", "-1", "1;"], "forwarded": ["yes", "replace\n append"],
        "websocket": ["true", "on", ""], "hop_port": ["1023", "65457"], "directory": ["tmp", "/tmp;", "/tmp\n x"],
        "user": ["a;b", "root\n x"], "access_log": ["off"], "workers": ["0", "65", "auto;"], "worker_connections": ["63"]}
    for name, texts in wrong.items():
        out += [(site + "%s = %s\n" % (name, text) + PAIR, "[site] %s = " % name) for text in texts]
    out += [("[cluster a]\nn1 = %s\n" % text, "[cluster a] n1 = ") for text in (
        "10.0.0.1", "10.0.0.1:0", "10.0.0.1:99999", "shop.test:80", "10.0.0.256:80", "[fd00::1]", "fd00::1:80", "0.0.0.0:80",
        "224.0.0.1:80", "10.0.0.1:80; # x", "10.0.0.1:80 down", "10.0.0.1:80\n  10.0.0.2:80", "unix:/a", "")]
    return out


def check_refused(site):
    file, out = os.path.join(site.directory, "bad.ini"), os.path.join(site.directory, "refused")
    cases, run = bad(), program()
    for text, named in cases:
        with open(file, "wb") as opened:
            opened.write(text.encode("latin-1" if "\xff" in text else "utf-8"))
        status, says = run(file, "--out", out)
        assert status == 2, "taken, or status %d: %r %s" % (status, text[:200], says)
        assert says.startswith("cohort-nginx: %s: " % file) and named in says, "%r: %s" % (text[:200], says)
        assert len(says) < 700, says
    assert not os.path.exists(out)
    for flags, words in ((["--out", out, "--down", "n9"], "--down n9: no such server; there are: n1 n2 n3 n4"), ([], "--out DIR")):
        done = sites.generate(site.declaration, *flags)
        assert done.returncode == 2 and words in done.stderr, done.stderr
    done = sites.generate(os.path.join(site.directory, "none.ini"), "--out", out)
    assert done.returncode == 2 and "No such file" in done.stderr, done.stderr
    return "%d declarations, each with the entry's name" % len(cases)


def check_files(site):
    """Old files stay until the new ones are good; nothing is left over; help and example are what they say."""
    file, out = os.path.join(site.directory, "files.ini"), os.path.join(site.directory, "files")
    with open(file, "w") as opened:
        opened.write(site.text())
    assert sites.generate(file, "--out", out).returncode == 0
    before = contents(out)
    assert sorted(before) == ["cohort-upstreams.conf", "nginx.conf"], sorted(before)
    assert stat.S_IMODE(os.stat(os.path.join(out, "nginx.conf")).st_mode) == 0o644
    with open(file, "w") as opened:
        opened.write(site.text(certificate="/nowhere.pem", listen="8111"))
    done = sites.generate(file, "--out", out, "--check")
    assert done.returncode == 1 and "/nowhere.pem" in done.stderr and "nothing was replaced" in done.stderr, done.stderr
    assert contents(out) == before
    done = sites.generate(file, "--out", out, "--check", "--nginx", "/nowhere/nginx")
    assert done.returncode == 1 and contents(out) == before, done.stderr
    fresh, run = os.path.join(site.directory, 'its "own" place'), os.path.join(site.directory, "run")
    os.mkdir(run)
    with open(file, "w") as opened:
        opened.write(site.text(directory=run))
    done = sites.generate(file, "--out", fresh, "--check", "--nginx", site.wrapper)
    assert done.returncode == 0 and sorted(contents(fresh)) == sorted(before), done.stderr
    assert "nginx.pid" not in os.listdir(run), "the check made the pid file of an NGINX to come"
    assert sites.generate(file, "--out", out, "--only-upstreams", "--down", "n2").returncode == 0
    after = contents(out)
    assert after["nginx.conf"] == before["nginx.conf"] and after != before and len(after) == 2
    done = sites.generate(file, "--out", os.path.join(file, "sub"))
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    example = sites.generate("--example").stdout
    with open(file, "w") as opened:
        opened.write(example)
    assert sites.generate(file, "--out", out).returncode == 0
    help_text = sites.generate("--help").stdout
    assert all(word in help_text for word in ("examples:", "read_timeout", "--down", "64 servers")), help_text
    return "kept when nginx refuses, and when it is not there"

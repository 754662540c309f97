"""What one user of the counter sees after a failover, step by step."""

from website import nginx_site, servers


class Visitor(nginx_site.User):
    def do(self, path, method="POST"):
        answer = self.ask("/%s/%s" % (servers.CONTEXT, path), method)
        assert answer.status == 200, "%s: %d" % (path, answer.status)
        return answer.json

    def read(self):
        return self.do("read", "GET")


def visitor_at(site, instance, begins):
    """One whom NGINX has sent to this server when he has begun."""
    for _ in range(100):
        visitor = Visitor(site)
        begins(visitor)
        if visitor.route == instance.route:
            return visitor
    raise AssertionError("nobody comes to " + instance.route)


def check(site):
    visitors = {name: Visitor(site) for name in ("shopper", "member", "leaver", "keeper", "list", "reader")}
    before = {}
    for name, visitor in visitors.items():
        for number in range(3):
            before[name] = visitor.do("add?request=%s-%d" % (name, number))
        assert before[name]["n"] == 3 and before[name]["whole"], before[name]
    old_cookie = visitors["member"].cookie
    assert visitors["member"].do("login?user=ann")["session"] == before["member"]["session"]
    assert visitors["member"].cookie != old_cookie, "the login left the id as it was"
    left_cookie = visitors["leaver"].cookie
    visitors["leaver"].do("logout")
    assert visitors["keeper"].do("local?request=keeper-3")["local"], "what cannot be serialized is not there where it was set"
    for _ in range(3):
        visitors["list"].do("in-place")
    page = visitors["reader"].do("page?bytes=300000&request=reader-3")
    assert page["n"] == 4

    arriver = _arriver(site) if all(instance.kind.asks_who for instance in site.instances.values()) else None

    # One server after the other dies, so that each session has moved at least once.
    for route in list(site.instances)[:-1]:
        site.instances[route].kill()
        _check_after(site, visitors, before, old_cookie, left_cookie)
    if arriver:
        _log_in(arriver)
    return "%d sessions as they were, at another server%s" % (len(visitors), "; a form went on to its page" if arriver else "")


def _arriver(site):
    """Somebody at the first server who wanted a page that is not for all, and has got a form."""
    def wants_a_page(visitor):
        assert visitor.do("who?page=2", "GET") == {}, "a page for those who have logged in is shown to one who has not"

    return visitor_at(site, list(site.instances.values())[0], wants_a_page)


def _log_in(arriver):
    """The form is sent to another server, which goes on to the page."""
    answer = arriver.ask("/%s/j_security_check?j_username=ann&j_password=secret" % servers.CONTEXT, "POST")
    assert answer.status in (302, 303), "the login: %d" % answer.status
    page = answer.headers["Location"].split("/")[-1]
    assert page == "who?page=2", "after the login the user is sent to " + page
    seen = arriver.do(page, "GET")
    assert seen["who"] == "ann" and seen["page"] == "2", seen


def _check_after(site, visitors, before, old_cookie, left_cookie):
    living = [route for route, instance in site.instances.items() if instance.process]
    for name in ("shopper", "member", "keeper", "list", "reader"):
        visitor = visitors[name]
        seen = visitor.read()
        assert seen["session"] == before[name]["session"], "%s lost its session: %s" % (name, seen)
        assert seen["whole"] and seen["route"] in living, seen
        assert visitor.route == seen["route"], "%s: the id ends with %s, served by %s" % (name, visitor.route, seen["route"])
    assert visitors["member"].read()["user"] == "ann"
    for name, cookie in (("the id before the login", old_cookie), ("the id of an ended session", left_cookie)):
        seen = Visitor(site, cookie=cookie).do("read", "GET")
        assert seen["session"] == "", "%s finds a session: %s" % (name, seen)
    assert visitors["keeper"].read()["n"] == 4, "what was set beside an attribute that stays here was not copied"
    assert visitors["list"].read()["list"] == 3, "what was changed in place was not copied: %s" % visitors["list"].read()
    assert visitors["reader"].read()["n"] == 4, "an answer left before its change was safe"

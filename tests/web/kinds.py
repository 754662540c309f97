"""Which kinds of sites there are: of one kind of server, or of two that hold the same sessions."""

import glassfish_server
import servers

KINDS = {kind.name: kind for kind in (servers.Tomcat(), servers.Tomcat11(), servers.Jetty(), glassfish_server.GlassFish())}
# Of two kinds in one group: n1 is of the first, n2 of the second.
MIXED = {"mixed": ("tomcat", "jetty")}


def pair(name):
    """The kinds of n1 and n2."""
    return [KINDS[each] for each in MIXED.get(name, (name, name))]


def replications(name):
    first, second = pair(name)
    return first.replications if first is second else ("cohort",)


def clusters(name, what):
    """The sites' clusters (website.Website), for a case."""
    kinds = pair(name)
    plan = {"first": dict(zip(("n1", "n2"), kinds))}
    if what == "two_clusters":
        plan["second"] = dict(zip(("n3", "n4"), kinds))
    return plan

"""A rolling upgrade of the application: one server after the other is stopped, and started with the next release, while users go on;
and back, since an upgrade that is not wanted any more is undone in the same way.

Of two classes in the sessions one is compatible with that of the other release (a field more), the other says that it is not."""

import checker
import edges
from loads import WARM_SECONDS, judged
from website import Users


def check(site, options):
    first, second = site.instances.values()
    visitor = edges.visitor_at(site, first, lambda new: new.do("add?request=visitor-1"))
    _shop(visitor, "pear", "1-1", "1-ten-percent")
    with Users(site, options.driver, options.users, options.pause_ms) as users:
        users.runs_for(WARM_SECONDS)
        # Who is stopped and comes back with which release; what the visitor sees meanwhile at the other one, buys there, and sees then.
        for stopped, release, seen, bought in (
                (first, 2, ("1-1", "1-ten-percent"), None),
                # The next release reads the basket, of which it has no last item, and finds nothing in the place of the coupon.
                (second, 2, ("2-1", ""), ("plum", "2-2-plum", "2-10")),
                (first, 1, ("2-2-plum", "2-10"), None),
                # The release before leaves out the field that it does not know.
                (second, 1, ("1-2", ""), ("fig", "1-3", "1-ten-percent"))):
            _stop(users, stopped)
            _expect(visitor, second if stopped is first else first, *seen)
            if bought:
                _shop(visitor, *bought)
            _start(site, users, stopped, release)
        users.end()
    return "there and back; " + judged(checker.judge(checker.read(users.records)), options)


def _stop(users, instance):
    """As an operator does."""
    instance.stop()
    users.runs_for(1)


def _start(site, users, instance, release):
    instance.deploy(site.files.war_of(release))
    instance.start()
    instance.wait_until_serving()
    users.runs_for(2)


def _shop(visitor, item, basket, coupon):
    seen = visitor.do("shop?request=%s&item=%s" % (item, item))
    assert (seen["basket"], seen["coupon"]) == (basket, coupon), seen


def _expect(visitor, instance, basket, coupon):
    """What it sees at an instance to which it has come since."""
    session = visitor.seen[-1][1]
    seen = visitor.do("basket", "GET")
    assert seen == {"route": instance.route, "basket": basket, "coupon": coupon, "session": session}, seen

#!/usr/bin/env python3
"""The checker is shown histories that are right, and one of each kind that is wrong."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checker  # noqa: E402


class History:
    """What one user saw; requests are named a, b, c... and take 10 ms."""

    def __init__(self):
        self.records = []
        self.visit = 1

    def answered(self, n, before, session="s", whole=True, route="n1", leaves=False):
        return self._add(200, {"session": session, "n": n, "before": before, "whole": whole, "route": route}, leaves)

    def failed(self, status=502):
        return self._add(status, None, leaves=False)

    def _add(self, status, answer, leaves):
        at = len(self.records)
        self.records.append({"user": 0, "visit": self.visit, "leaves": leaves, "request": chr(ord("a") + at), "start": 20_000 * at, "end": 20_000 * at + 10_000,
                             "status": status, "error": "", "answer": answer})
        self.visit += leaves
        return self

    def judge(self, kills=()):
        return checker.judge(self.records, kills)


class CheckerTest(unittest.TestCase):
    def test_a_history_without_failures_is_right(self):
        verdict = History().answered(1, "").answered(2, "a").answered(3, "b").judge()
        self.assertEqual(verdict.faults(), {})
        self.assertEqual((verdict.requests, verdict.errors), (3, 0))

    def test_a_failed_request_may_have_been_executed_or_not(self):
        self.assertEqual(History().answered(1, "").failed().answered(2, "a").judge().faults(), {})
        verdict = History().answered(1, "").failed().answered(3, "b").judge()
        self.assertEqual((verdict.faults(), verdict.applied), ({}, 1))

    def test_errors_of_http_and_of_connections_are_counted_together(self):
        history = History().answered(1, "").failed().failed(0).answered(2, "a")
        history.records[2]["error"] = "End of file"
        self.assertIn("{'End of file': 1, 502: 1}", history.judge().words())

    def test_errors_between_two_times_are_of_what_was_asked_and_answered_in_between(self):
        history = History().failed().failed().answered(1, "").failed().failed()
        self.assertEqual([record["request"] for record in checker.errors_between(history.records, 20_000, 80_000)], ["b", "d"])

    def test_a_failed_request_may_be_executed_late(self):
        verdict = History().answered(1, "").failed(504).answered(2, "a").answered(4, "b").judge()
        self.assertEqual((verdict.faults(), verdict.applied), ({}, 1))

    def test_of_several_failed_requests_some_may_have_been_executed(self):
        verdict = History().answered(1, "").failed().failed().failed().answered(4, "d").judge()
        self.assertEqual((verdict.faults(), verdict.applied), ({}, 2))

    def test_a_new_session_is_one_that_vanished(self):
        verdict = History().answered(1, "").answered(2, "a").answered(1, "", session="other").judge()
        self.assertEqual((verdict.faults(), verdict.vanished_updates), ({"vanished": 1}, 2))

    def test_a_failure_before_the_first_answer_makes_no_session_vanish(self):
        self.assertEqual(History().failed().answered(1, "").answered(2, "b").judge().faults(), {})

    def test_a_counter_that_goes_back_is_found(self):
        verdict = History().answered(1, "").answered(2, "a").answered(2, "a").judge()
        self.assertEqual(verdict.faults(), {"back": 1})

    def test_an_acknowledged_change_that_another_replaced_is_missing(self):
        # b failed late and was then executed on the state before c: the number grows, c is gone.
        verdict = History().answered(1, "").answered(2, "a").answered(3, "a").judge()
        self.assertEqual(verdict.faults(), {"missing": 1})

    def test_a_request_that_counts_twice_is_found(self):
        self.assertEqual(History().answered(1, "").answered(3, "b").judge().faults(), {"twice": 1})
        self.assertEqual(History().answered(1, "").answered(3, "a").judge().faults(), {"twice": 1})
        self.assertEqual(History().answered(1, "").failed().answered(4, "b").judge().faults(), {"twice": 1})

    def test_attributes_of_two_requests_are_torn(self):
        self.assertEqual(History().answered(1, "").answered(2, "a", whole=False).judge().faults(), {"torn": 1})

    def test_all_are_served_again_when_the_last_user_is(self):
        history = History().answered(1, "").failed().answered(2, "a").answered(3, "c")
        self.assertEqual(history.judge(kills=[15_000]).served_again_ms, [35.0])
        self.assertEqual(history.judge(kills=[100_000]).served_again_ms, [None])

    def test_a_user_who_leaves_and_comes_anew_has_another_session(self):
        history = History().answered(1, "", leaves=True).answered(1, "", session="other").answered(2, "b", session="other")
        verdict = history.judge()
        self.assertEqual((verdict.faults(), verdict.users, verdict.requests), ({}, 1, 3))
        self.assertEqual(History().answered(1, "", leaves=True).answered(2, "a").judge().faults(), {"twice": 1})

    def test_who_has_left_or_came_later_does_not_wait_to_be_served_again(self):
        history = History().answered(1, "", leaves=True).answered(1, "", session="other").answered(2, "b", session="other")
        self.assertEqual(history.judge(kills=[15_000]).served_again_ms, [0.0])
        # The request before the last was under way at the kill; the last one is answered at 50 ms.
        self.assertEqual(history.judge(kills=[25_000]).served_again_ms, [25.0])
        self.assertEqual(History().answered(1, "").answered(2, "a", leaves=True).judge(kills=[25_000]).served_again_ms, [0.0])
        self.assertEqual(History().answered(1, "").answered(2, "a").judge(kills=[25_000]).served_again_ms, [None])

    def test_the_users_of_a_sick_server_are_told_from_the_others(self):
        # The fault is at 15 ms: b and c begin after it; c is answered at 50 ms.
        history = History().answered(1, "").failed().answered(2, "a", route="n2")
        sick = checker.felt(history.records, 15_000, 1_000_000, "n1")
        self.assertEqual((sick.served_again_ms, sick.unanswered_ms, sick.others_wait_ms), (35.0, 5.0, 0))
        well = checker.felt(history.records, 15_000, 1_000_000, "n2")
        self.assertEqual((well.served_again_ms, well.others_wait_ms), (0, 10.0))
        self.assertIsNone(checker.felt(history.records[:2], 15_000, 1_000_000, "n1").served_again_ms)

    def test_a_user_who_is_answered_by_another_server_has_moved(self):
        history = History().answered(1, "").answered(2, "a", route="n2")
        self.assertEqual(checker.moved(history.records, 15_000, 1_000_000), 1)
        self.assertEqual(checker.moved(history.records, 15_000, 20_000), 0)


if __name__ == "__main__":
    unittest.main()

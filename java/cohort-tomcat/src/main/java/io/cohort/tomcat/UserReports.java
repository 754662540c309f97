package io.cohort.tomcat;

import java.util.HashSet;
import java.util.Set;
import org.apache.juli.logging.Log;

/**
 * Tells of users that do not go along with their sessions, each kind of fault once. Any threads.
 */
final class UserReports {
  /** Faults that are remembered as told; more are not told. */
  static final int REPORTS_MAX = 64;

  private final Log log;
  // Guarded by `this`.
  private final Set<String> told = new HashSet<>();

  UserReports(Log log) {
    this.log = log;
  }

  /** A session is sent without its user. */
  void notSent(String application, String type, String why) {
    if (!isNew("sent " + type)) return;
    log.warn(application + ": users of the type " + type
        + " are not replicated, and log in again after a failover: " + why);
  }

  /** A session has come, and its user has not. */
  void notTaken(String application, String why) {
    if (!isNew("taken " + why)) return;
    log.warn(application + ": the user of a session was not taken over, and logs in again: " + why);
  }

  private synchronized boolean isNew(String fault) {
    return told.size() < REPORTS_MAX && told.add(fault);
  }
}

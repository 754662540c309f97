package io.cohort.tomcat;

import io.cohort.SessionStore;
import io.cohort.connector.Counters;
import io.cohort.connector.FailoverRehearsal;
import io.cohort.connector.ServerLog;
import io.cohort.connector.SessionWriter;
import io.cohort.session.AttributeCodec;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.juli.logging.LogFactory;

/**
 * What a request does in a failover, but for Tomcat's own part of it: finds a session that was at
 * another instance, and saves it. One thread.
 */
final class Rehearsal {
  private static final long PAUSE_MS = 5;

  private final ServerLog log = new TomcatLog(LogFactory.getLog(Rehearsal.class)).quiet();
  private final CohortManager manager;
  private final Counters counters = new Counters();
  private final UserReports users;
  private final AttributeCodec codec;
  private int rounds;

  /** By what the application has now. */
  Rehearsal(CohortManager manager, UserReports users) {
    this.manager = manager;
    this.users = users;
    codec = manager.codec();
  }

  /** All that is left; takes some tenths of a second. */
  void run(FailoverRehearsal rehearsal) {
    while (codec != null && codec == manager.codec() && !rehearsal.isOver()) {
      rehearsal.run(FailoverRehearsal.ROUNDS_AT_ONCE, codec, log, this::takeOver);
      try {
        Thread.sleep(PAUSE_MS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  /** One round; false: the application has stopped. */
  boolean takeOver(SessionStore from) {
    try {
      findAndSave(from);
      return true;
    } catch (RuntimeException e) {
      // Not those of an application that stops meanwhile.
      if (codec == manager.codec()) throw e;
      return false;
    }
  }

  private void findAndSave(SessionStore from) {
    SessionLoader loader =
        new SessionLoader(manager, from, counters, new ConcurrentHashMap<>(), false);
    CohortSession session =
        loader.find(FailoverRehearsal.ID, FailoverRehearsal.ID + ".of-another-instance");
    session.setMaxInactiveInterval(1800 + ++rounds % 2);
    SessionWriter writer = new SessionWriter(FailoverRehearsal.ID, from, counters, log);
    Saved saved = new SessionSaver(manager, from, writer, counters, users).save(session);
    if (saved != Saved.ACKNOWLEDGED) throw new IllegalStateException("it was saved as " + saved);
  }
}

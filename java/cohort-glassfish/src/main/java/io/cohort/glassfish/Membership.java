package io.cohort.glassfish;

import io.cohort.Group;
import io.cohort.SessionStore;
import java.util.Map;
import java.util.TreeMap;
import java.util.logging.Logger;

/**
 * The membership of this instance in its group, which its applications share: the first joins, the
 * last that gives its store back leaves. Any threads; joining holds the lock, so applications that
 * start at once get the same one.
 */
final class Membership {
  private static final Logger log = Logger.getLogger(Membership.class.getName());
  private static final Map<String, Opened> STORES = new TreeMap<>();
  private static Group group;

  private Membership() {}

  private static final class Opened {
    final SessionStore store;
    int users;

    Opened(SessionStore store) {
      this.store = store;
    }
  }

  /** An application's share. */
  static final class Share implements AutoCloseable {
    private final String application;
    private final SessionStore store;
    private boolean closed;

    private Share(String application, SessionStore store) {
      this.application = application;
      this.store = store;
    }

    SessionStore store() {
      return store;
    }

    @Override
    public void close() {
      synchronized (STORES) {
        if (closed) return;
        closed = true;
        release(application);
      }
    }
  }

  /**
   * Opens the store of this application, or shares that of one with the same context root on
   * another virtual server. Blocks.
   *
   * @throws IllegalArgumentException of the settings; io.cohort.CohortException of Group.join and
   *     SessionStore.open
   */
  static Share acquire(Settings settings, String application) {
    synchronized (STORES) {
      Opened opened = STORES.get(application);
      if (opened == null) {
        try {
          opened = new Opened(open(settings, application));
        } finally {
          if (opened == null) leaveUnused();
        }
        STORES.put(application, opened);
      }
      ++opened.users;
      return new Share(application, opened.store);
    }
  }

  private static SessionStore open(Settings settings, String application) {
    if (group == null) group = settings.groupSettings().join(new GlassFishLog(log));
    return SessionStore.open(settings.storeOptions(application), group);
  }

  private static void release(String application) {
    Opened opened = STORES.get(application);
    if (--opened.users > 0) return;
    STORES.remove(application);
    opened.store.close();
    leaveUnused();
  }

  private static void leaveUnused() {
    if (group == null || !STORES.isEmpty()) return;
    group.close();
    group = null;
  }
}

package io.cohort.glassfish;

import io.cohort.Event;
import io.cohort.Group;
import io.cohort.GroupListener;
import io.cohort.Member;
import io.cohort.SessionStore;
import io.cohort.View;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.logging.Level;
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

  // The threads that begin here must not belong to the application that happens to be the first.
  private static SessionStore open(Settings settings, String application) {
    Thread thread = Thread.currentThread();
    ClassLoader context = thread.getContextClassLoader();
    thread.setContextClassLoader(Membership.class.getClassLoader());
    try {
      if (group == null) group = Group.join(settings.groupOptions(new Teller(settings.group())));
      return SessionStore.open(settings.storeOptions(application), group);
    } finally {
      thread.setContextClassLoader(context);
    }
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

  /** What the group tells, in the log of the server. */
  private record Teller(String group) implements GroupListener {
    @Override
    public void onView(View view) {
      List<String> members = view.members().stream().map(Member::name).toList();
      log.info("group " + group + ": members " + members);
    }

    @Override
    public void onEvent(Event event) {
      Level level = event.kind().equals("warning") ? Level.WARNING : Level.FINE;
      log.log(level,
          ()
              -> "group " + group + ": " + event.kind() + " " + event.subjectName() + " "
              + event.text());
    }
  }
}

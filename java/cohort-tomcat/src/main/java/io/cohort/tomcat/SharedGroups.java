package io.cohort.tomcat;

import io.cohort.Group;
import io.cohort.connector.GroupSettings;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.juli.logging.Log;
import org.apache.juli.logging.LogFactory;

/**
 * The memberships of this JVM. Contexts with the same settings share one; the last that gives it
 * back leaves the group. Any threads; joining holds the lock, so contexts that start at once get
 * the same one.
 */
final class SharedGroups {
  private static final Log log = LogFactory.getLog(SharedGroups.class);
  private static final Map<GroupSettings.Identity, Joined> JOINED = new HashMap<>();

  private SharedGroups() {}

  private static final class Joined {
    final GroupSettings settings;
    final Group group;
    final Set<String> applications = new TreeSet<>();

    Joined(GroupSettings settings, Group group) {
      this.settings = settings;
      this.group = group;
    }
  }

  /** A context's share. */
  static final class Share implements AutoCloseable {
    private final Joined joined;
    private final String application;

    private Share(Joined joined, String application) {
      this.joined = joined;
      this.application = application;
    }

    Group group() {
      return joined.group;
    }

    @Override
    public void close() {
      synchronized (JOINED) {
        if (!joined.applications.remove(application) || !joined.applications.isEmpty()) return;
        JOINED.remove(joined.settings.identity());
        joined.group.close();
      }
    }
  }

  /**
   * Joins, or shares the membership that is there. Blocks.
   *
   * @throws IllegalArgumentException if other contexts have joined with other settings, or one of
   *     them has the same application; io.cohort.CohortException of Group.join
   */
  static Share acquire(GroupSettings settings, String application) {
    synchronized (JOINED) {
      Joined joined = JOINED.get(settings.identity());
      if (joined == null) {
        joined = new Joined(settings, settings.join(new TomcatLog(log)));
        JOINED.put(settings.identity(), joined);
      }
      if (!joined.settings.equals(settings)) {
        throw new IllegalArgumentException("CohortManager of " + application + ": the group "
            + settings.group() + " was joined by " + joined.applications
            + (" with other settings; give all contexts of this JVM the same bind, multicast, "
                + "seeds")
            + " and keyFile, or another group");
      }
      if (!joined.applications.add(application)) {
        throw new IllegalArgumentException("CohortManager of " + application
            + ": another context of this JVM has the same application in the group "
            + settings.group() + "; set application=\"...\", the same on all instances");
      }
      return new Share(joined, application);
    }
  }
}

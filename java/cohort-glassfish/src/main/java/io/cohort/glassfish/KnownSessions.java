package io.cohort.glassfish;

import io.cohort.Session;
import io.cohort.Version;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What this instance knows of the sessions it has objects of: which version its object is, and
 * which sessions have ended, so that an object that is left of one does not bring it back. Any
 * threads; who decides by what is here holds the lock of the id.
 */
final class KnownSessions {
  /** Ends that are remembered; after as many more a session's end is forgotten. */
  static final int ENDED_MAX = 65_536;

  // Requests of different sessions seldom meet at one of them, as each waits for the group inside.
  private static final int LOCKS = 1024;

  /**
   * @param version of the store's session that the object here is equal to
   * @param fence for its next changes
   * @param owned nobody else writes it without this store being told
   */
  record Known(Version version, long fence, boolean owned) {
    /** Is the object what the store has? */
    boolean isEqualTo(Session there) {
      return there.isAsOf(version, fence);
    }
  }

  /**
   * One look at a session, which may be ending meanwhile.
   *
   * @param known null: it was never stored or loaded here, or it has ended
   */
  record Look(Known known, boolean ended) {}

  private final Map<String, Known> known = new ConcurrentHashMap<>();
  private final Object[] locks = new Object[LOCKS];
  private final Map<String, Boolean> ended = new LinkedHashMap<>() {
    private static final long serialVersionUID = 1;

    @Override
    protected boolean removeEldestEntry(Map.Entry<String, Boolean> eldest) {
      return size() > ENDED_MAX;
    }
  };

  KnownSessions() {
    Arrays.setAll(locks, i -> new Object());
  }

  Object lock(String id) {
    return locks[Math.floorMod(id.hashCode(), LOCKS)];
  }

  /** Null: it was never stored or loaded here. */
  Known get(String id) {
    return known.get(id);
  }

  /** Of a session that was known here it never says that there was none. */
  Look look(String id) {
    // In this order: an end is noted before what was known is forgotten.
    Known is = known.get(id);
    return new Look(is, hasEnded(id));
  }

  void put(String id, Version version, long fence, boolean owned) {
    known.put(id, new Known(version, fence, owned));
  }

  /** Somebody else may have written it: the store has to be asked. */
  void doubt(String id) {
    known.computeIfPresent(id, (key, is) -> new Known(is.version(), is.fence(), false));
  }

  /** Somebody else may have written any of them. */
  void doubtAll() {
    known.replaceAll((id, is) -> new Known(is.version(), is.fence(), false));
  }

  /** It has ended; what an object still writes is refused. */
  void end(String id) {
    synchronized (ended) {
      ended.put(id, true);
    }
    known.remove(id);
  }

  boolean hasEnded(String id) {
    synchronized (ended) {
      return ended.containsKey(id);
    }
  }

  /** A new session gets an id that was used before. */
  void begin(String id) {
    synchronized (ended) {
      ended.remove(id);
    }
  }

  int size() {
    return known.size();
  }

  int endedSize() {
    synchronized (ended) {
      return ended.size();
    }
  }
}

package io.cohort.connector;

import io.cohort.CohortException;
import io.cohort.Session;
import io.cohort.SessionStore;
import io.cohort.Status;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * Reads sessions for requests. While the two sides of a group are merged, or this member takes over
 * the state of the group anew, what may come yet is waited for: a user is to notice nothing.
 * Stateless; any thread, which may stand still for {@link #WAIT_MAX_MS}, or a little longer.
 */
public final class SessionReader {
  /** So long a session is waited for, milliseconds. */
  public static final long WAIT_MAX_MS = 1000;

  static final long PAUSE_MS = 5;

  private SessionReader() {}

  /**
   * As {@link SessionStore#load}.
   *
   * @throws CohortException as there; UNAVAILABLE after {@link #WAIT_MAX_MS}, or at once in a
   *     thread that is interrupted
   */
  public static Session load(SessionStore store, String id) {
    return load(() -> store.load(id), SessionReader::pause);
  }

  static Session load(Supplier<Session> load, BooleanSupplier pause) {
    for (long waited = 0;; waited += PAUSE_MS) {
      try {
        return load.get();
      } catch (CohortException e) {
        boolean mayCome = e.status() == Status.UNAVAILABLE && waited < WAIT_MAX_MS;
        if (!mayCome || !pause.getAsBoolean()) throw e;
      }
    }
  }

  private static boolean pause() {
    try {
      Thread.sleep(PAUSE_MS);
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }
}

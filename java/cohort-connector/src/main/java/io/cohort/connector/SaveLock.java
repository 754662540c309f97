package io.cohort.connector;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * One save of a session at a time. A save encodes attributes, and to encode one may need a monitor
 * of the application's, as that of a synchronized collection. Whoever has that monitor may be a
 * request that wants to save too, so who may be in the application waits for no longer than {@link
 * #PATIENCE_MS}. Any threads; the thread that has it may take it again.
 */
public final class SaveLock {
  /**
   * Longer than a save takes that waits for the group alone. Where the group does not answer, and
   * several requests of one session wait for one another, the last of them may give up as well.
   */
  public static final long PATIENCE_MS = 10_000;

  /** It is held until this is closed. */
  public final class Held implements AutoCloseable {
    private Held() {}

    @Override
    public void close() {
      lock.unlock();
    }
  }

  // Fair: who waits for a while only is not to be passed by.
  private final ReentrantLock lock = new ReentrantLock(true);
  private final Held held = new Held();
  private final long patienceMs;

  /** One whose {@link #holdSoon} waits for {@code patienceMs}. */
  public SaveLock(long patienceMs) {
    this.patienceMs = patienceMs;
  }

  /** Waits for as long as it takes. Not where a monitor of the application may be held. */
  public Held hold() {
    lock.lock();
    return held;
  }

  /** Waits for a while; null: somebody else still has it. An interrupt is left for the caller. */
  public Held holdSoon() {
    long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(patienceMs);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          boolean got = lock.tryLock(until - System.nanoTime(), TimeUnit.NANOSECONDS);
          return got ? held : null;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } finally {
      if (interrupted) Thread.currentThread().interrupt();
    }
  }

  /** Does not wait; null: somebody else has it. */
  public Held tryToHold() {
    return lock.tryLock() ? held : null;
  }
}

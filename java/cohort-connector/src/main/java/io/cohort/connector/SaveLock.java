package io.cohort.connector;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * One save of a session at a time. A save encodes attributes, and to encode one may need a monitor
 * of the application's, as that of a synchronized collection. Whoever has that monitor may be a
 * request that wants to save too, so who may be in the application waits for no longer than {@link
 * #PATIENCE_MS}. Any threads; the thread that has it may take it again, or leave it to whoever is
 * told of the save's answer.
 */
public final class SaveLock {
  /**
   * Longer than a save takes that waits for the group alone. Where the group does not answer, and
   * several requests of one session wait for one another, the last of them may give up as well.
   */
  public static final long PATIENCE_MS = 10_000;

  /** It is held until this is closed, unless it was left. */
  public final class Held implements AutoCloseable {
    private Held() {}

    /**
     * It belongs to no thread from now on, until what {@code begin} is given is closed, by any
     * thread. Where that returns false or throws, the calling thread still has it. False, and
     * {@code begin} is not asked: a caller of this one has it, too, so it cannot be left.
     */
    public boolean leaveTo(Predicate<Left> begin) {
      if (depth > 1) return false;
      owner = null;
      boolean gone = false;
      try {
        gone = begin.test(new Left());
        return gone;
      } finally {
        if (!gone) owner = Thread.currentThread();
      }
    }

    @Override
    public void close() {
      if (owner == Thread.currentThread() && --depth == 0) giveBack();
    }
  }

  /** It is held, by no thread. */
  public final class Left {
    private Left() {}

    /** Others may have it. Once, by any thread. */
    public void close() {
      giveBack();
    }
  }

  // Fair: who waits for a while only is not to be passed by.
  private final Semaphore free = new Semaphore(1, true);
  private final Held held = new Held();
  private volatile Thread owner;
  private int depth; // Of the owner's.
  private final long patienceMs;

  /** One whose {@link #holdSoon} waits for {@code patienceMs}. */
  public SaveLock(long patienceMs) {
    this.patienceMs = patienceMs;
  }

  /** Waits for as long as it takes. Not where a monitor of the application may be held. */
  public Held hold() {
    if (owner != Thread.currentThread()) free.acquireUninterruptibly();
    return taken();
  }

  /** Waits for a while; null: somebody else still has it. An interrupt is left for the caller. */
  public Held holdSoon() {
    if (owner == Thread.currentThread()) return taken();
    long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(patienceMs);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          boolean got = free.tryAcquire(until - System.nanoTime(), TimeUnit.NANOSECONDS);
          return got ? taken() : null;
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
    return owner == Thread.currentThread() || free.tryAcquire() ? taken() : null;
  }

  private Held taken() {
    owner = Thread.currentThread();
    ++depth;
    return held;
  }

  private void giveBack() {
    owner = null;
    depth = 0;
    free.release();
  }
}

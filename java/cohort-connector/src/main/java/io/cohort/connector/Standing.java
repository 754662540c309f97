package io.cohort.connector;

import io.cohort.Session;
import io.cohort.Version;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What an instance knows of how the object that it has of a session stands to what the store has.
 * Any threads; who writes the session, or asks the store for its version, holds one lock of the
 * session over that and over the call here that tells of the answer.
 */
public final class Standing {
  // A use so soon after another, or within this part of the session's time, need not be told.
  private static final long USE_MS = 1000;
  private static final int USE_PARTS = 10;

  private final AtomicInteger doubts = new AtomicInteger();
  private volatile boolean stored;
  private volatile boolean owned = true;
  private volatile int doubtsAnswered;
  private volatile int moved;
  private volatile long usedMs;
  private volatile Version version = new Version(0, 0);
  private volatile long fence;

  /** Of a new session, which the store does not have yet. */
  public Standing() {}

  /** The store has the session. */
  public boolean isStored() {
    return stored;
  }

  /** That the object is equal to. */
  public Version version() {
    return version;
  }

  /** For its next changes. */
  public long fence() {
    return fence;
  }

  /**
   * May the object be used without asking the store? Then the session belongs to this instance, and
   * nobody has said since that another one has it; or it is not stored yet.
   */
  public boolean isTrusted() {
    return !stored || (owned && doubtsAnswered == doubts.get());
  }

  /** Another instance may have changed it. Does not wait for a save that is under way. */
  public void doubt() {
    doubts.incrementAndGet();
  }

  /** Another instance has the session: a doubt as well. */
  public void move() {
    moved = doubts.incrementAndGet();
  }

  /** Another instance has it, as far as is known: the store has said nothing else since. */
  public boolean isAway() {
    return moved > doubtsAnswered;
  }

  /** To be asked before the store is, and given back with what it said. */
  public int doubts() {
    return doubts.get();
  }

  /** The store has said whose it is. */
  public void trust(boolean isOwner, int doubtsBefore) {
    owned = isOwner;
    doubtsAnswered = doubtsBefore;
  }

  /**
   * The store has heard that the session was used; {@code nowMs} since 1970, before it was told.
   */
  public void onUseTold(long nowMs) {
    usedMs = nowMs;
  }

  /**
   * Has the store heard of a use so lately that this one tells it nothing? Not more than a tenth of
   * the session's time ago, {@code intervalMs} (0 and less: it has no end), nor than a second.
   */
  public boolean isUseTold(long nowMs, long intervalMs) {
    long ago = nowMs - usedMs;
    return ago >= 0 && ago < (intervalMs > 0 ? Math.min(USE_MS, intervalMs / USE_PARTS) : USE_MS);
  }

  /** Is the object what the store has? */
  public boolean isEqualTo(Session there) {
    return there.isAsOf(version, fence);
  }

  /** The object was made of what the store had. */
  public void onLoaded(Session from) {
    version = from.version();
    fence = from.fence();
    stored = true;
    trust(from.owned(), doubts());
  }

  /** A write was answered. */
  public void onStored(Version newVersion, long newFence, int doubtsBefore) {
    stored = true;
    version = newVersion;
    fence = newFence;
    trust(true, doubtsBefore);
  }

  /** It is not in the store, as after a change of id that failed: it is to be created, whole. */
  public void onNotStored() {
    stored = false;
    fence = 0;
    trust(true, doubts());
  }
}

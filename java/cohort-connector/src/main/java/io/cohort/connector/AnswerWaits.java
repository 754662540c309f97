package io.cohort.connector;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * How the requests of one application wait for their saves: with their threads, which is soonest
 * while few do; or without, so that threads that would wait serve others. Once one waits without,
 * all do until none is left: a thread that waits costs most where many want to run. Any threads.
 */
public class AnswerWaits {
  /** Threads that wait, at most, where answers may wait without. */
  public static final int THREADS_MAX = 2;

  /** Bytes of all answers that an application keeps at once. */
  public static final long KEPT_BYTES_MAX = 64L << 20;

  private static final long LOOK_AGAIN_NS = 10_000_000;

  private final AtomicInteger threads = new AtomicInteger();
  private final AtomicInteger answers = new AtomicInteger();
  private final AtomicLong keptBytes = new AtomicLong();
  private volatile boolean mayLeave;
  private volatile long saveMsMax;
  private volatile int threadsMax = THREADS_MAX;

  /** None may wait without a thread yet. */
  public AnswerWaits() {}

  /** Answers may wait without a thread; {@code longestMs}: what a save may take. */
  public void allow(boolean value, long longestMs) {
    saveMsMax = longestMs;
    mayLeave = value;
  }

  /** May an answer wait without a thread? */
  public boolean mayLeave() {
    return mayLeave;
  }

  /** What a save may take, in milliseconds. */
  public long saveMsMax() {
    return saveMsMax;
  }

  /**
   * No further answer waits without a thread; returns when none does, or after twice the time of a
   * save, since one of them may have to be made again.
   */
  public void finish() {
    mayLeave = false;
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(2 * saveMsMax);
    while (answers.get() > 0 && System.nanoTime() < end) LockSupport.parkNanos(LOOK_AGAIN_NS);
  }

  /** In place of THREADS_MAX. */
  public void setThreadsMax(int value) {
    threadsMax = value;
  }

  /** May one more thread wait? Then it is given back. */
  public boolean takeThread() {
    if (answers.get() > 0) return false;
    if (threads.incrementAndGet() <= threadsMax) return true;
    threads.decrementAndGet();
    return false;
  }

  /** It waits no more. */
  public void giveThreadBack() {
    threads.decrementAndGet();
  }

  /** An answer waits without a thread. */
  public void onAnswerWaits() {
    answers.incrementAndGet();
  }

  /** It waits no more. */
  public void onAnswerGoes() {
    answers.decrementAndGet();
  }

  /** Is there room for so many bytes of an answer? Then it is given back. */
  public boolean takeRoom(int bytes) {
    if (keptBytes.addAndGet(bytes) <= KEPT_BYTES_MAX) return true;
    keptBytes.addAndGet(-bytes);
    return false;
  }

  /** It is not kept any more. */
  public void giveRoomBack(int bytes) {
    keptBytes.addAndGet(-bytes);
  }

  /** How many wait without. */
  public int waitingAnswers() {
    return answers.get();
  }
}

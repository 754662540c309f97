package io.cohort.tomcat;

import jakarta.servlet.ServletRequestListener;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.apache.catalina.Context;

/**
 * How requests wait for their saves: with their threads, which is soonest while few do; or without,
 * so that threads that would wait serve others. Once one waits without, all do until none is left:
 * a thread that waits costs most where many want to run. Any threads.
 */
final class SaveWaits {
  /** Threads that wait, at most. */
  static final int THREADS_MAX = 2;

  // More than a save takes. Whose answer is lost is told so then.
  private static final long ANSWER_MARGIN_MS = 30_000;

  private static final long LOOK_AGAIN_NS = 10_000_000;

  private final AtomicInteger threads = new AtomicInteger();
  private final AtomicInteger answers = new AtomicInteger();
  private volatile boolean mayLeave;
  private volatile boolean asyncAllowed;
  private volatile long saveMsMax;
  private volatile int threadsMax = THREADS_MAX;
  private volatile boolean holdingAllowed = true;

  /**
   * Is the application told of the ends of its requests? It expects that of the thread that began
   * them, as where it keeps something by thread.
   */
  static boolean isListened(Context context) {
    for (Object listener : context.getApplicationEventListeners()) {
      if (listener instanceof ServletRequestListener) return true;
    }
    return false;
  }

  /**
   * No further answer waits without a thread; returns when none does, or after twice the time of a
   * save, since one of them may have to be made again.
   */
  void finish() {
    mayLeave = false;
    long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(2 * saveMsMax);
    while (answers.get() > 0 && System.nanoTime() < end) LockSupport.parkNanos(LOOK_AGAIN_NS);
  }

  /** Answers may wait without a thread; {@code longestMs}: what a save may take. */
  void allow(boolean value, long longestMs) {
    saveMsMax = longestMs;
    mayLeave = value;
  }

  /** As asynchronous requests, too, which end in another thread. */
  void allowAsync(boolean value) {
    asyncAllowed = value;
  }

  /** May an answer wait without a thread? */
  boolean mayLeave() {
    return mayLeave;
  }

  /** How long an answer waits at most. */
  long answerMsMax() {
    return saveMsMax + ANSWER_MARGIN_MS;
  }

  boolean isAsyncAllowed() {
    return asyncAllowed;
  }

  /** In place of THREADS_MAX. */
  void setThreadsMax(int value) {
    threadsMax = value;
  }

  /** For tests: whether answers may be kept at their connections, which is so by default. */
  void allowHolding(boolean value) {
    holdingAllowed = value;
  }

  boolean isHoldingAllowed() {
    return holdingAllowed;
  }

  /** May one more thread wait? Then it is given back. */
  boolean takeThread() {
    if (answers.get() > 0) return false;
    if (threads.incrementAndGet() <= threadsMax) return true;
    threads.decrementAndGet();
    return false;
  }

  void giveThreadBack() {
    threads.decrementAndGet();
  }

  /** An answer waits without a thread. */
  void onAnswerWaits() {
    answers.incrementAndGet();
  }

  /** It waits no more. */
  void onAnswerGoes() {
    answers.decrementAndGet();
  }

  /** How many wait without. */
  int waitingAnswers() {
    return answers.get();
  }
}

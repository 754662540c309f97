package io.cohort.connector;

import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Threads for what may wait, and follows from an answer that came on a thread which must not: that
 * of all answers. There are some while there is such work, as when another instance has taken
 * sessions over, and for 10 s after it.
 */
public final class LateWork {
  private static final int THREADS_MAX = 4;
  private static final long IDLE_SECONDS = 10;

  // As many wait as saves are under way.
  private static final ThreadPoolExecutor THREADS = new ThreadPoolExecutor(THREADS_MAX, THREADS_MAX,
      IDLE_SECONDS, TimeUnit.SECONDS, new LinkedBlockingQueue<>(), LateWork::thread);

  static {
    THREADS.allowCoreThreadTimeOut(true);
  }

  private LateWork() {}

  private static Thread thread(Runnable work) {
    Thread thread = new Thread(null, work, "cohort-late", 0, false);
    thread.setDaemon(true);
    thread.setContextClassLoader(LateWork.class.getClassLoader());
    return thread;
  }

  /** Soon, in the order of these calls as far as threads are free. */
  public static void run(Runnable work) {
    THREADS.execute(work);
  }
}

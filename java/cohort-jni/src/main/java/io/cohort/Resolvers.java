package io.cohort;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/** The resolvers that native code may ask, each as long as its group. */
final class Resolvers {
  private static final Map<Long, MergeResolver> RESOLVERS = new ConcurrentHashMap<>();
  private static final AtomicLong NEXT = new AtomicLong(1);

  private Resolvers() {}

  /** A number for native code, never 0. {@link #forget} ends it. */
  static long add(MergeResolver resolver) {
    long number = NEXT.getAndIncrement();
    RESOLVERS.put(number, resolver);
    return number;
  }

  /** After native code has stopped to ask it. */
  static void forget(long number) {
    RESOLVERS.remove(number);
  }

  /** Called by native code, on a thread of its own. Throws nothing; null: nothing is said. */
  static byte[] resolve(long number, byte[] packed) {
    try {
      MergeResolver resolver = RESOLVERS.get(number);
      return resolver == null ? null : resolver.resolve(MergeConflict.read(new Unpacked(packed)));
    } catch (Throwable e) {
      report(e);
      return null;
    }
  }

  private static void report(Throwable e) {
    try {
      Thread thread = Thread.currentThread();
      thread.getUncaughtExceptionHandler().uncaughtException(thread, e);
    } catch (Throwable ofTheHandler) {
      // Nobody is left to be told.
    }
  }
}

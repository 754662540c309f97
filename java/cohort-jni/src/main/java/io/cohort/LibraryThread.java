package io.cohort;

import java.security.AccessController;
import java.security.PrivilegedAction;

/** A daemon thread of the library's own, which hangs on no application. */
abstract class LibraryThread extends Thread {
  /** To be made in {@link #asOfThisClass}. */
  LibraryThread(String name) {
    super(outermostGroup(), null, name, 0, false);
    setDaemon(true);
    // Else it would be that of the application whose request was the first.
    setContextClassLoader(LibraryThread.class.getClassLoader());
  }

  // A group of threads may be the application's, too.
  private static ThreadGroup outermostGroup() {
    ThreadGroup group = Thread.currentThread().getThreadGroup();
    while (group.getParent() != null) group = group.getParent();
    return group;
  }

  // A thread keeps what was on the stack when it was made, and with it the loader of the
  // application that was the first to need it, which may be gone long before the thread. Later Java
  // has neither this nor what it is against.
  @SuppressWarnings("removal")
  static <T extends LibraryThread> T asOfThisClass(PrivilegedAction<T> make) {
    return AccessController.doPrivileged(make);
  }

  /** Waits until another one has ended. */
  static void awaitEnd(Thread before) {
    for (;;) {
      try {
        before.join();
        return;
      } catch (InterruptedException e) {
        // Nobody has a reason to; and what would be told must be told.
      }
    }
  }

  /** What a listener has thrown. */
  final void report(Throwable e) {
    try {
      getUncaughtExceptionHandler().uncaughtException(this, e);
    } catch (Throwable ofTheHandler) {
      // Nobody is left to be told, and the next one has to be.
    }
  }
}

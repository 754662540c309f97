package io.cohort;

import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

/**
 * A pointer of native code that several threads use and one closes: it is freed when it was closed
 * and nobody is inside a call with it, by whoever comes last. After that a call is an
 * IllegalStateException, and never reaches native code. Any threads.
 */
final class Handle {
  private static final long CLOSED = Long.MIN_VALUE;

  private final String what;
  private final long pointer;
  private final LongConsumer free;

  // Threads that are inside a call; CLOSED is added by closing.
  private final AtomicLong users = new AtomicLong();
  private boolean freed;

  /** {@code free} is called once. It must not hold what holds this, or a Cleaner never comes. */
  Handle(String what, long pointer, LongConsumer free) {
    this.what = what;
    this.pointer = pointer;
    this.free = free;
  }

  /** Followed by {@link #exit}, in any case. Throws IllegalStateException after {@link #close}. */
  long enter() {
    for (;;) {
      long now = users.get();
      if (now < 0) throw new IllegalStateException(what + " is closed");
      if (users.compareAndSet(now, now + 1)) return pointer;
    }
  }

  void exit() {
    if (users.decrementAndGet() == CLOSED) free();
  }

  /** True for who is the first to close. Calls that are under way go on, and the last frees. */
  boolean close() {
    for (;;) {
      long now = users.get();
      if (now < 0) return false;
      if (users.compareAndSet(now, now + CLOSED)) {
        if (now == 0) free();
        return true;
      }
    }
  }

  /** Waits until it is freed, which {@link #close} has begun; interruptions are kept for later. */
  synchronized void awaitFreed() {
    boolean interrupted = false;
    while (!freed) {
      try {
        wait();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) Thread.currentThread().interrupt();
  }

  boolean isClosed() {
    return users.get() < 0;
  }

  private void free() {
    try {
      free.accept(pointer);
    } finally {
      synchronized (this) {
        freed = true;
        notifyAll();
      }
    }
  }
}

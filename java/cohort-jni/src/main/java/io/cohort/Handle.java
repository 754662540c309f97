package io.cohort;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.function.LongConsumer;

/**
 * A pointer of native code that several threads use and one closes: it is freed when it was closed
 * and nobody is inside a call with it, by whoever comes last. After that a call is an
 * IllegalStateException, and never reaches native code. Any threads.
 */
final class Handle {
  private static final int COUNTS = 16;

  // In different lines of the processor's cache: of many threads each would wait for the others.
  private static final int STRIDE = 32;

  private final String what;
  private final long pointer;
  private final LongConsumer free;

  // Threads that are inside a call, each counted in one place. Who has come in before it was closed
  // is counted when it is looked at after that, and nobody comes in any more: so when all are zero
  // then, one after the other, everybody has left.
  private final AtomicIntegerArray users = new AtomicIntegerArray(COUNTS * STRIDE);
  private final AtomicBoolean closed = new AtomicBoolean();
  private final AtomicBoolean freeing = new AtomicBoolean();
  private boolean freed;

  /** {@code free} is called once. It must not hold what holds this, or a Cleaner never comes. */
  Handle(String what, long pointer, LongConsumer free) {
    this.what = what;
    this.pointer = pointer;
    this.free = free;
  }

  /**
   * Followed by {@link #exit} on the same thread, in any case. Throws IllegalStateException after
   * {@link #close}.
   */
  long enter() {
    users.incrementAndGet(place());
    if (!closed.get()) return pointer;
    exit();
    throw new IllegalStateException(what + " is closed");
  }

  void exit() {
    users.decrementAndGet(place());
    if (closed.get()) freeIfUnused();
  }

  /** True for who is the first to close. Calls that are under way go on, and the last frees. */
  boolean close() {
    if (!closed.compareAndSet(false, true)) return false;
    freeIfUnused();
    return true;
  }

  private static int place() {
    return (int) (Thread.currentThread().getId() % COUNTS) * STRIDE;
  }

  private void freeIfUnused() {
    for (int i = 0; i < COUNTS; ++i) {
      if (users.get(i * STRIDE) != 0) return;
    }
    if (freeing.compareAndSet(false, true)) free();
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

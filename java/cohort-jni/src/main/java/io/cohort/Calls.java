package io.cohort;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.function.LongConsumer;

/** Calls that do not wait: what became of each comes as a notice, and completes its future. */
final class Calls {
  private Calls() {}

  /**
   * {@code begin} passes the number on under which native code tells, once, what {@code read}
   * reads, or throws as a CohortException.
   */
  static <T> CompletableFuture<T> begin(LongConsumer begin, Function<Unpacked, T> read) {
    CompletableFuture<T> future = new CompletableFuture<>();
    // The thread that tells has to be there until this is told, also when the group was closed.
    // Let go once: what fails to begin may be told meanwhile that its answer was lost.
    AtomicBoolean held = new AtomicBoolean(true);
    Notices.acquire();
    Long number = null;
    try {
      number = Notices.addCall(notice -> {
        try {
          complete(future, notice, read);
        } finally {
          if (held.getAndSet(false)) Notices.release();
        }
      });
      begin.accept(number);
    } catch (RuntimeException | Error e) {
      if (held.getAndSet(false)) Notices.release();
      if (number != null) Notices.forget(number);
      if (!(e instanceof CohortException)) throw e;
      future.completeExceptionally(e);
    }
    return future;
  }

  /** Whatever happens, the future is complete then: somebody waits for it. */
  static <T> void complete(
      CompletableFuture<T> future, Unpacked notice, Function<Unpacked, T> read) {
    try {
      if (notice == null) throw CohortException.of(Status.UNKNOWN, "what became of it was lost");
      future.complete(read.apply(notice));
    } catch (RuntimeException | Error e) {
      future.completeExceptionally(e);
    }
  }
}

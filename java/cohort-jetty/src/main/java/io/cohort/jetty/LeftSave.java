package io.cohort.jetty;

import io.cohort.connector.AnswerWaits;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;

/** A save that was left to the answer of its request, which waits for it. Any threads. */
final class LeftSave {
  private final AnswerWaits waits;
  private final LongAdder kept;
  private final CompletableFuture<Boolean> refused = new CompletableFuture<>();
  // Written by the thread that sends the answer, before that is kept.
  private int bytes;

  /** {@code kept} counts answers that wait without a thread. */
  LeftSave(AnswerWaits waits, LongAdder kept) {
    this.waits = waits;
    this.kept = kept;
    waits.onAnswerWaits();
  }

  /** What became of it, once. */
  void known(boolean wasRefused) {
    try {
      refused.complete(wasRefused);
    } finally {
      waits.onAnswerGoes();
    }
  }

  boolean isKnown() {
    return refused.isDone();
  }

  /** Were the changes refused? Waits until that is known: as long as a save takes. */
  boolean wasRefused() {
    return refused.join();
  }

  /** Is there room for an answer of so many bytes, as long as it is kept? */
  boolean takeRoom(int answerBytes) {
    if (!waits.takeRoom(answerBytes)) return false;
    bytes = answerBytes;
    return true;
  }

  /**
   * {@code answer} is told whether they were, by who makes it known, or at once. It must neither
   * wait nor throw.
   */
  void keep(Consumer<Boolean> answer) {
    kept.increment();
    refused.thenAccept(wasRefused -> {
      waits.giveRoomBack(bytes);
      answer.accept(wasRefused);
    });
  }
}

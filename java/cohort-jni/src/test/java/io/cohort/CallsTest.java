package io.cohort;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.BufferUnderflowException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;

/** What becomes of the future of a call. */
class CallsTest {
  private final CompletableFuture<Integer> future = new CompletableFuture<>();

  private Throwable failure() {
    return assertThrows(CompletionException.class, future::join).getCause();
  }

  @Test
  void anAnswerCompletesIt() {
    Calls.complete(future, new Unpacked(new byte[] {0, 0, 0, 7}), Unpacked::readInt);
    assertEquals(7, future.join());
  }

  @Test
  void anAnswerThatWasLostIsAnUnknownOutcome() {
    Calls.complete(future, null, Unpacked::readInt);
    assertEquals(Status.UNKNOWN, assertInstanceOf(CohortException.class, failure()).status());
  }

  @Test
  void anAnswerThatCannotBeReadFailsItAndLeavesNobodyWaiting() {
    try {
      Calls.complete(future, new Unpacked(new byte[3]), Unpacked::readInt);
    } finally {
      future.completeExceptionally(new AssertionError("it was left incomplete"));
    }
    assertInstanceOf(BufferUnderflowException.class, failure());
  }
}

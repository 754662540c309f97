package io.cohort.connector;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** Which requests wait for their saves with their threads, and how many answers are kept. */
class AnswerWaitsTest {
  private final AnswerWaits waits = new AnswerWaits();

  @Test
  void aFewThreadsWait() {
    for (int i = 0; i < AnswerWaits.THREADS_MAX; ++i) assertTrue(waits.takeThread());
    assertFalse(waits.takeThread());
    assertFalse(waits.takeThread());
    waits.giveThreadBack();
    assertTrue(waits.takeThread());
    assertFalse(waits.takeThread());
  }

  @Test
  void noneWaitsWhileAnAnswerDoesWithout() {
    waits.onAnswerWaits();
    assertFalse(waits.takeThread());
    waits.onAnswerGoes();
    assertTrue(waits.takeThread());
  }

  @Test
  void answersThatAreKeptHaveABoundOfAllTheirBytes() {
    int part = (int) (AnswerWaits.KEPT_BYTES_MAX / 4);
    for (int i = 0; i < 4; ++i) assertTrue(waits.takeRoom(part));
    assertFalse(waits.takeRoom(1));
    waits.giveRoomBack(part);
    assertTrue(waits.takeRoom(part - 1));
    assertTrue(waits.takeRoom(1));
    assertFalse(waits.takeRoom(1));
  }
}

package io.cohort.connector;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class AnswerWaitsTest {
  private final AnswerWaits waits = new AnswerWaits();

  @Test
  void fewThreadsWaitAndNoneWhileAnAnswerWaitsWithout() {
    for (int i = 0; i < AnswerWaits.THREADS_MAX; ++i) assertTrue(waits.takeThread());
    assertFalse(waits.takeThread());
    waits.giveThreadBack();
    assertTrue(waits.takeThread());
    waits.giveThreadBack();
    waits.onAnswerWaits();
    assertEquals(1, waits.waitingAnswers());
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

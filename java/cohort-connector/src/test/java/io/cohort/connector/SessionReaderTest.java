package io.cohort.connector;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.cohort.CohortException;
import io.cohort.Failures;
import io.cohort.Session;
import io.cohort.Status;
import org.junit.jupiter.api.Test;

class SessionReaderTest {
  private int asked;
  private int pauses;

  private void load(Status status, int failures) {
    Session none = SessionReader.load(() -> {
      if (++asked <= failures) throw Failures.of(status);
      return null;
    }, () -> ++pauses > 0);
    assertNull(none);
  }

  private Status failureOf(Status status) {
    return assertThrows(CohortException.class, () -> load(status, Integer.MAX_VALUE)).status();
  }

  @Test
  void whatMayComeYetIsAskedForAgain() {
    load(Status.UNAVAILABLE, 3);
    assertEquals(4, asked);
    assertEquals(3, pauses);
  }

  @Test
  void otherFailuresAreToldAtOnce() {
    assertEquals(Status.DATA_LOSS, failureOf(Status.DATA_LOSS));
    assertEquals(1, asked);
  }

  @Test
  void whatNeverComesIsToldInTheEnd() {
    assertEquals(Status.UNAVAILABLE, failureOf(Status.UNAVAILABLE));
    assertEquals(SessionReader.WAIT_MAX_MS / SessionReader.PAUSE_MS, pauses);
  }

  @Test
  void whoIsInterruptedDoesNotWait() {
    assertThrows(CohortException.class, () -> SessionReader.load(() -> {
      ++asked;
      throw Failures.of(Status.UNAVAILABLE);
    }, () -> false));
    assertEquals(1, asked);
  }
}

package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** The same with answers that are kept at their connections. */
class HeldWhileStalledTest extends AsyncAnswersTest {
  @Override
  void prepare(CohortManager manager) {
    manager.waits().setThreadsMax(0);
  }

  // They are no asynchronous requests.
  @Test
  @Override
  void notWhereAValveDoesNotAllowIt() throws Exception {
    assertTrue(
        asyncAnswers(this::prepare, context -> context.getPipeline().addValve(new OldValve())) > 0);
  }
}

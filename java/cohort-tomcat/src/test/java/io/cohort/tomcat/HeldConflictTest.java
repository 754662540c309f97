package io.cohort.tomcat;

/**
 * With answers that are kept at their connections: a request that is under way at one instance
 * while the other does something to its session.
 */
class HeldConflictTest extends ConflictTest {
  @Override
  void prepare(CohortManager manager) {
    super.prepare(manager);
    manager.waits().setThreadsMax(0);
  }
}

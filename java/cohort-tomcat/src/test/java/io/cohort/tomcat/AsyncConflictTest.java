package io.cohort.tomcat;

/**
 * Without threads that wait for saves: a request that is under way at one instance while the other
 * does something to its session.
 */
class AsyncConflictTest extends ConflictTest {
  @Override
  void prepare(CohortManager manager) {
    super.prepare(manager);
    manager.waits().setThreadsMax(0);
    manager.waits().allowHolding(false);
  }
}

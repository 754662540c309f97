package io.cohort.tomcat;

/** Without threads that wait for saves: saves that meet requests which go on after them. */
class AsyncRequestsUnderWayTest extends RequestsUnderWayTest {
  @Override
  void prepare(CohortManager manager) {
    super.prepare(manager);
    manager.waits().setThreadsMax(0);
    manager.waits().allowHolding(false);
  }
}

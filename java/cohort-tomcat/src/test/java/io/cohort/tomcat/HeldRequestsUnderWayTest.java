package io.cohort.tomcat;

/** The same with answers that are kept at their connections. */
class HeldRequestsUnderWayTest extends RequestsUnderWayTest {
  @Override
  void prepare(CohortManager manager) {
    super.prepare(manager);
    manager.waits().setThreadsMax(0);
  }
}

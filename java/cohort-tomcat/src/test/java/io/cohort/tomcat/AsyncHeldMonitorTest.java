package io.cohort.tomcat;

/** Without threads that wait for saves: requests that hold a monitor which a save needs. */
class AsyncHeldMonitorTest extends HeldMonitorTest {
  @Override
  void prepare(CohortManager manager) {
    super.prepare(manager);
    manager.waits().setThreadsMax(0);
  }
}

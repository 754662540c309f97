package io.cohort.jetty;

/** With answers that wait without threads: what happens to a session while requests have it. */
class KeptOngoingRequestsTest extends OngoingRequestsTest {
  @Override
  void prepare(Instance instance) {
    super.prepare(instance);
    instance.factory.setWaitingThreadsMax(0);
  }

  @Override
  void prepareSecond(Instance instance) {
    super.prepareSecond(instance);
    instance.factory.setWaitingThreadsMax(0);
  }
}

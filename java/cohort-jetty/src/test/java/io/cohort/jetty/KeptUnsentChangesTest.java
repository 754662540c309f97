package io.cohort.jetty;

/** The same with answers that wait for their saves without threads. */
class KeptUnsentChangesTest extends UnsentChangesTest {
  @Override
  void prepare(Instance instance) {
    super.prepare(instance);
    instance.factory.setWaitingThreadsMax(0);
  }
}

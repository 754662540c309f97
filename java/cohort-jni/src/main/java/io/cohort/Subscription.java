package io.cohort;

/**
 * While it lives, its listener is called. Closing it ends that: a notice that is being told goes
 * on, those that wait are not told any more. Any threads.
 */
public final class Subscription implements AutoCloseable {
  private final Subscriptions among;
  private final Handle handle;

  Subscription(Subscriptions among, long pointer, Long listener) {
    this.among = among;
    handle = new Handle("the subscription", pointer, subscription -> {
      Native.cancel(subscription);
      Notices.forget(listener);
    });
    Resources.closeWithout(this, handle);
    among.hold(this);
  }

  /** Once or more often. */
  @Override
  public void close() {
    handle.close();
    among.release(this);
  }
}

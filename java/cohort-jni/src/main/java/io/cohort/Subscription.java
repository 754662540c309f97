package io.cohort;

/**
 * While it lives, its listener is called. Closing it ends that: a notice that is being told goes
 * on, those that wait are not told any more. Any threads.
 */
public final class Subscription implements AutoCloseable {
  private final Subscriptions among;
  private final Handle handle;

  private Subscription(Subscriptions among, Handle handle) {
    this.among = among;
    this.handle = handle;
    Resources.closeWithout(this, handle);
    among.hold(this);
  }

  /** Has native code tell a listener something of what {@code owner} points to, from now on. */
  interface Begin {
    long begin(long owner, long listener);
  }

  /** Where {@code begin} fails, or there is no memory, nothing of it stays. */
  static Subscription begin(Subscriptions among, Handle owner, Long listener, Begin begin) {
    long pointer = 0;
    Handle handle = null;
    try {
      long entered = owner.enter();
      try {
        pointer = begin.begin(entered, listener);
      } finally {
        owner.exit();
      }
      handle = handleOf(pointer, listener);
      return new Subscription(among, handle);
    } catch (RuntimeException | Error e) {
      if (handle != null) {
        handle.close();
      } else {
        end(pointer, listener);
      }
      throw e;
    }
  }

  private static Handle handleOf(long pointer, Long listener) {
    return new Handle("the subscription", pointer, subscription -> end(subscription, listener));
  }

  private static void end(long pointer, Long listener) {
    if (pointer != 0) Native.cancel(pointer);
    Notices.forget(listener);
  }

  /** Once or more often. */
  @Override
  public void close() {
    handle.close();
    among.release(this);
  }
}

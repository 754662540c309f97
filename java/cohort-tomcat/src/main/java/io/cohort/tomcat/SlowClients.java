package io.cohort.tomcat;

import java.io.IOException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;

/**
 * Sends answers to clients that do not take them at once, and looks after those whose connection is
 * closed after them: one thread for all, while there are some and for 10 s after that.
 */
final class SlowClients implements Runnable {
  /** Answers that clients do not take; whoever does not take one more is left. */
  static final int ANSWERS_MAX = 1024;

  private static final long LOOK_MS = 1000;
  private static final int IDLE_LOOKS_MAX = 10;

  // Guarded by the class.
  private static SlowClients running;
  private static int answersMax = ANSWERS_MAX;

  private final Selector selector;
  private final AtomicInteger slow = new AtomicInteger();
  // Those that are closed when they have gone.
  private final Queue<KeptAnswer> last = new ConcurrentLinkedQueue<>();

  private SlowClients() throws IOException {
    selector = Selector.open();
  }

  /** Sends the rest of it as the client takes it. Any thread, which is not held up. */
  static synchronized void send(KeptAnswer answer) throws IOException {
    SlowClients all = all();
    if (all.slow.get() >= answersMax) throw new IOException("too many clients are slow");
    answer.awaitClient(all.selector);
    all.slow.incrementAndGet();
    all.selector.wakeup();
  }

  /** In place of ANSWERS_MAX. */
  static synchronized void setAnswersMax(int value) {
    answersMax = value;
  }

  /** Nobody but its save will tell the answer to go: leaves it when its time is over. As send. */
  static void watch(KeptAnswer answer) {
    try {
      synchronized (SlowClients.class) {
        all().last.add(answer);
      }
    } catch (IOException | RuntimeException | Error e) {
      answer.leave();
    }
  }

  private static SlowClients all() throws IOException {
    if (running != null) return running;
    SlowClients all = new SlowClients();
    try {
      Thread thread = new Thread(null, all, "cohort-slow-clients", 0, false);
      thread.setDaemon(true);
      thread.setContextClassLoader(SlowClients.class.getClassLoader());
      thread.start();
    } catch (RuntimeException | Error e) {
      all.selector.close();
      throw e;
    }
    running = all;
    return all;
  }

  @Override
  public void run() {
    try {
      for (int idle = 0; idle < IDLE_LOOKS_MAX || !isOver();) {
        select();
        idle = lookAtAll() ? 0 : idle + 1;
      }
    } finally {
      end();
    }
  }

  private void select() {
    try {
      selector.select(key -> goOn(key, true), LOOK_MS);
    } catch (IOException e) {
      // Those that cannot go on are left when their time is over.
      LockSupport.parkNanos(LOOK_MS * 1_000_000);
    }
  }

  // One may have come since. Their monitors are not taken here: who sends one has it first.
  private boolean isOver() {
    synchronized (SlowClients.class) {
      if (hasSome()) return false;
      running = null;
      return true;
    }
  }

  // Also where it ends in between: those that are left can go on with another one's next answers.
  private void end() {
    synchronized (SlowClients.class) {
      if (running == this) running = null;
    }
    for (SelectionKey key : selector.keys()) {
      if (key.attachment() instanceof KeptAnswer answer) answer.leave();
    }
    last.forEach(KeptAnswer::leave);
    try {
      selector.close();
    } catch (IOException e) {
      // Nobody knows of it any more.
    }
  }

  private void goOn(SelectionKey key, boolean isReady) {
    if (!(key.attachment() instanceof KeptAnswer answer)) return;
    if (!answer.goesOn(key, isReady)) slow.decrementAndGet();
  }

  // Is there any, after those whose time is over have been left?
  private boolean lookAtAll() {
    for (SelectionKey key : selector.keys()) goOn(key, false);
    last.removeIf(KeptAnswer::hasEndedByNow);
    return hasSome();
  }

  private boolean hasSome() {
    return slow.get() > 0 || !last.isEmpty();
  }
}

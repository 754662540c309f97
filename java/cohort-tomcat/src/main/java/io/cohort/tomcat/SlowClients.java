package io.cohort.tomcat;

import java.io.IOException;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;

/**
 * Sends answers to clients that do not take them at once: one thread for all of them, while there
 * are some and for 10 s after that.
 */
final class SlowClients implements Runnable {
  private static final long LOOK_MS = 1000;
  private static final int IDLE_LOOKS_MAX = 10;

  // Guarded by the class.
  private static SlowClients running;

  private final Selector selector;

  private SlowClients() throws IOException {
    selector = Selector.open();
  }

  /** Sends the rest of it as the client takes it. Any thread, which is not held up. */
  static synchronized void send(KeptAnswer answer) throws IOException {
    if (running == null) {
      running = new SlowClients();
      Thread thread = new Thread(null, running, "cohort-slow-clients", 0, false);
      thread.setDaemon(true);
      thread.setContextClassLoader(SlowClients.class.getClassLoader());
      thread.start();
    }
    answer.awaitClient(running.selector);
    running.selector.wakeup();
  }

  @Override
  public void run() {
    for (int idle = 0; !isOver(idle);) {
      try {
        selector.select(key -> goOn(key, true), LOOK_MS);
      } catch (IOException e) {
        // Those that do not go on are left when their time is over.
      }
      idle = lookAtAll() ? 0 : idle + 1;
    }
  }

  private boolean isOver(int idleLooks) {
    if (idleLooks < IDLE_LOOKS_MAX) return false;
    synchronized (SlowClients.class) {
      // One may have come since.
      if (lookAtAll()) return false;
      running = null;
    }
    try {
      selector.close();
    } catch (IOException e) {
      // Nobody knows of it any more.
    }
    return true;
  }

  // The key is left where it is, since a connection's next answer may be slow, too.
  private void goOn(SelectionKey key, boolean isReady) {
    if (!(key.attachment() instanceof KeptAnswer answer) || !answer.goOn(isReady)) return;
    key.attach(null);
    try {
      key.interestOps(0);
    } catch (CancelledKeyException closed) {
      // The selector has done with it.
    }
  }

  // Is there any, after those whose time is over have been left?
  private boolean lookAtAll() {
    boolean some = false;
    for (SelectionKey key : selector.keys()) {
      goOn(key, false);
      some |= key.isValid() && key.attachment() != null;
    }
    return some;
  }
}

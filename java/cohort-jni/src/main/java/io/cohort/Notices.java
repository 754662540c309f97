package io.cohort;

import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/**
 * The one thread that tells notices to listeners. It takes them from the native queue, so no thread
 * of native code is ever one of the JVM's. It runs while there is a group or a store, as a
 * daemon.
 */
final class Notices {
  private static final int VIEW = 1;
  private static final int EVENT = 2;
  private static final int CHANGE = 3;
  private static final int LOST = 4;
  private static final int SESSION_EVENT = 5;
  private static final int SESSION_TASK = 6;
  private static final int MESSAGE = 7;
  private static final int ANSWER = 8;
  private static final int END = 9;

  /** Gets what was packed for a listener. */
  private interface Listener {
    void tell(int kind, Unpacked notice);
  }

  /** A listener, and whether its end waits among the notices. */
  private static final class Target {
    final Listener listener;
    volatile boolean ending;

    Target(Listener listener) {
      this.listener = listener;
    }
  }

  private static final Map<Long, Target> TARGETS = new ConcurrentHashMap<>();
  private static final AtomicLong NEXT = new AtomicLong(1);

  // Groups and stores.
  private static int users;
  private static Teller teller;

  private Notices() {}

  // ---- Listeners --------------------------------------------------------------------------

  /**
   * A number for native code, under which notices come. {@link #forget} ends it. It is an object
   * from here on, as letting its listener go must not need memory.
   */
  static Long add(GroupListener listener) {
    return add((kind, notice) -> {
      if (kind == VIEW) listener.onView(View.read(notice.readBytes()));
      if (kind == EVENT) listener.onEvent(Event.read(notice));
      if (kind == MESSAGE) listener.onMessage(Message.read(notice));
      if (kind == LOST) listener.onLost(notice.readLong());
    });
  }

  static Long add(ChangeListener listener) {
    return add((kind, notice) -> {
      if (kind == CHANGE) listener.onChange(Change.read(notice));
      if (kind == LOST) listener.onLost(notice.readLong());
    });
  }

  static Long addForSessions(SessionListener listener) {
    return add((kind, notice) -> {
      if (kind == SESSION_EVENT) listener.onEvent(SessionEvent.read(notice));
      if (kind == LOST) listener.onLost(notice.readLong());
    });
  }

  static Long addForTasks(Consumer<SessionTask> listener) {
    return add((kind, notice) -> {
      if (kind == SESSION_TASK) listener.accept(SessionTask.read(notice));
    });
  }

  /** For one notice: {@code answered} gets it, or null if it was lost. */
  static Long addCall(Consumer<Unpacked> answered) {
    Long number = NEXT.getAndIncrement();
    return put(number, (kind, notice) -> {
      if (TARGETS.remove(number) != null) answered.accept(kind == ANSWER ? notice : null);
    });
  }

  private static Long add(Listener listener) {
    return put(NEXT.getAndIncrement(), listener);
  }

  private static Long put(Long number, Listener listener) {
    Target target = new Target(listener);
    try {
      TARGETS.put(number, target);
    } catch (RuntimeException | Error e) {
      TARGETS.remove(number); // It may be there already when there is no memory to count it.
      throw e;
    }
    return number;
  }

  /** After native code has stopped to tell it something. False: it was forgotten before. */
  static boolean forget(Long listener) {
    boolean known = TARGETS.remove(listener) != null;
    Native.forgetListener(listener);
    return known;
  }

  private static Unpacked packed(long lost) {
    return new Unpacked(ByteBuffer.allocate(Long.BYTES).putLong(lost).array());
  }

  /**
   * After native code has stopped to tell it something: what waits is still told, and how much it
   * has lost, then it is forgotten, and what {@link #acquire} began is over. Does not wait for
   * that: the listener may want what the caller holds. Where there is no memory for its end, what
   * waits is not told.
   */
  static void releaseOnceTold(Long listener) {
    try {
      TARGETS.get(listener).ending = true;
      Native.endListener(listener);
    } catch (RuntimeException | Error e) {
      // The teller may have seen that it is ending, and have ended it.
      if (forget(listener)) release();
    }
  }

  // ---- The thread -------------------------------------------------------------------------

  /** A group or a store begins; the first one starts the thread. {@link #release} ends it. */
  static synchronized void acquire() {
    Native.abiVersion(); // Where there is no library this says why; the thread could not.
    if (users == 0) {
      Teller before = teller;
      Teller next = LibraryThread.asOfThisClass(() -> new Teller(before));
      next.start(); // Throws where the system gives no thread: then nothing has begun.
      teller = next;
    }
    ++users;
  }

  /** Is the calling thread in a listener? */
  static boolean isTelling() {
    return Thread.currentThread() instanceof Teller;
  }

  /** The last one ends the thread, once the notice that it tells is told. */
  static synchronized void release() {
    if (--users > 0) return;
    teller.running = false;
    Native.wakeNotices();
  }

  private static final class Teller extends LibraryThread {
    private Teller before;
    volatile boolean running = true;
    // All listeners are to be told that something was lost.
    private boolean missed;
    // And ends of listeners were.
    private boolean endMissed;

    Teller(Teller before) {
      super("cohort-notices");
      this.before = before;
    }

    @Override
    public void run() {
      waitForTheOneBefore();
      while (running) {
        try {
          byte[] notice = missed ? null : Native.takeNotice();
          if (missed) tellMissed();
          if (notice != null) tell(notice);
        } catch (Throwable e) {
          // As where there is no memory for the notice. Nobody knows whom it was for.
          missed = true;
          endMissed = true;
          Thread.yield();
        }
      }
    }

    private void tellMissed() {
      TARGETS.forEach((listener, target) -> {
        tell(target.listener, LOST, packed(1));
        // Of two the second finds nobody.
        if (endMissed && target.ending) Native.endListener(listener);
      });
      missed = false;
      endMissed = false;
    }

    private void end(Long listener) {
      Target target = TARGETS.remove(listener);
      if (target == null) return;
      try {
        long lost = Native.forgetListener(listener);
        if (lost > 0) tell(target.listener, LOST, packed(lost));
      } finally {
        release();
      }
    }

    // Which may still be in a listener; only one tells at a time.
    private void waitForTheOneBefore() {
      if (before == null) return;
      awaitEnd(before);
      missed |= before.missed;
      endMissed |= before.endMissed;
      before = null;
    }

    private void tell(byte[] packed) {
      Unpacked notice = new Unpacked(packed);
      int kind = notice.readByte();
      Long listener = notice.readLong();
      if (kind == LOST && listener == 0) missed = true;
      if (kind == END) {
        end(listener);
        return;
      }
      Target target = TARGETS.get(listener);
      if (target != null) tell(target.listener, kind, notice);
    }

    private void tell(Listener listener, int kind, Unpacked notice) {
      try {
        listener.tell(kind, notice);
      } catch (VirtualMachineError e) {
        // It may not have come to the listener.
        missed |= kind != LOST;
        report(e);
      } catch (Throwable e) {
        report(e);
      }
    }
  }
}

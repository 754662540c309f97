package io.cohort;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/**
 * Saves that nobody waits for, and the one thread that tells what became of them. It takes the
 * answers from a native queue of their own, many at once: what the listeners of notices do does not
 * hold them up. It runs, as a daemon, from the first save of a store until all such stores are
 * freed, and all saves are answered.
 */
final class Saves {
  // Answers that are taken at once.
  private static final int BATCH = 64;
  private static final int NUMBERS = 1 + SessionResult.NUMBERS;
  private static final SessionResult UNREADABLE = new SessionResult(
      Status.UNKNOWN, "no memory for what became of it", 0, Version.NONE, 0, 0, "");

  // Threads that save at once have different tables.
  private static final Table[] TABLES = new Table[16];

  static {
    for (int i = 0; i < TABLES.length; ++i) TABLES[i] = new Table(i);
  }

  // Stores that have saved so. Guarded by the class, as the teller.
  private static int users;
  private static Teller teller;

  private Saves() {}

  /** What one store has of this. Any threads. */
  static final class User {
    private volatile boolean holds;

    /**
     * {@code start} starts the save of this number; what it returns is why an argument is refused,
     * else null. If it throws, or an argument is refused, {@code done} is told nothing. Not after
     * {@link #release}.
     */
    void begin(Consumer<SessionResult> done, IntFunction<byte[]> start) {
      if (!holds) hold();
      int number = tableOfThread().add(done);
      boolean begun = false;
      try {
        byte[] refused = start.apply(number);
        if (refused != null) throw new IllegalArgumentException(new String(refused, UTF_8));
        begun = true;
      } finally {
        if (!begun) tableOf(number).remove(number);
      }
    }

    private void hold() {
      synchronized (Saves.class) {
        if (!holds) acquire();
        holds = true;
      }
    }

    /** The store is freed; what it has under way is still told. */
    void release() {
      if (holds) Saves.release();
    }
  }

  // ---- Saves under way --------------------------------------------------------------------

  /**
   * Who is to be told, by the number of the save; null where the number is free. No map: with it an
   * answer would need memory.
   */
  private static final class Table {
    private final int index;
    private final List<Consumer<SessionResult>> underWay = new ArrayList<>();
    private int[] free = new int[BATCH];
    private int freeCount;

    Table(int index) {
      this.index = index;
    }

    synchronized int add(Consumer<SessionResult> done) {
      if (freeCount > 0) {
        int place = free[--freeCount];
        underWay.set(place, done);
        return numberOf(place);
      }
      int place = underWay.size();
      // Room for when all are free again.
      if (place == free.length) free = Arrays.copyOf(free, 2 * place);
      underWay.add(done);
      return numberOf(place);
    }

    synchronized Consumer<SessionResult> remove(int number) {
      int place = number / TABLES.length;
      free[freeCount++] = place;
      return underWay.set(place, null);
    }

    synchronized boolean isEmpty() {
      return underWay.size() == freeCount;
    }

    private int numberOf(int place) {
      return place * TABLES.length + index;
    }
  }

  private static Table tableOfThread() {
    return TABLES[(int) (Thread.currentThread().getId() % TABLES.length)];
  }

  private static Table tableOf(int number) {
    return TABLES[number % TABLES.length];
  }

  // ---- The thread -------------------------------------------------------------------------

  private static synchronized void acquire() {
    if (users == 0) {
      Teller before = teller;
      Teller next = LibraryThread.asOfThisClass(() -> new Teller(before));
      next.start(); // Throws where the system gives no thread: then nothing has begun.
      teller = next;
    }
    ++users;
  }

  private static synchronized void release() {
    if (--users > 0) return;
    teller.running = false;
    Native.wakeSaves();
  }

  private static final class Teller extends LibraryThread {
    private Teller before;
    private boolean running = true; // Guarded by Saves.
    // As native code fills them.
    private final long[] numbers = new long[BATCH * NUMBERS];
    private final byte[][] whys = new byte[BATCH][];

    Teller(Teller before) {
      super("cohort-saves");
      this.before = before;
    }

    @Override
    public void run() {
      // It tells what was under way; only one tells at a time.
      if (before != null) awaitEnd(before);
      before = null;
      while (goesOn()) {
        int count = Native.takeSaves(numbers, whys);
        for (int i = 0; i < count; ++i) tell(i);
      }
    }

    private boolean goesOn() {
      synchronized (Saves.class) {
        if (running) return true;
      }
      for (Table table : TABLES) {
        if (!table.isEmpty()) return true;
      }
      return false;
    }

    private void tell(int at) {
      int number = (int) numbers[at * NUMBERS];
      Consumer<SessionResult> done = tableOf(number).remove(number);
      try {
        done.accept(take(at));
      } catch (Throwable e) {
        report(e);
      }
    }

    private SessionResult take(int at) {
      byte[] why = whys[at];
      whys[at] = null;
      try {
        return SessionResult.of(numbers, at * NUMBERS + 1, why);
      } catch (OutOfMemoryError e) {
        return UNREADABLE;
      }
    }
  }
}

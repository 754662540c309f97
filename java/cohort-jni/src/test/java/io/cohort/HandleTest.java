package io.cohort;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class HandleTest {
  private final AtomicInteger freed = new AtomicInteger();
  private final Handle handle = new Handle("it", 7, pointer -> freed.addAndGet((int) pointer));

  @Test
  void whoComesLastFreesIt() {
    assertEquals(7, handle.enter());
    assertTrue(handle.close());
    assertEquals(0, freed.get());
    assertThrows(IllegalStateException.class, handle::enter);
    assertEquals(0, freed.get());
    handle.exit();
    assertEquals(7, freed.get());
    assertFalse(handle.close());
    assertThrows(IllegalStateException.class, handle::enter);
    assertEquals(7, freed.get());
  }

  @Test
  void itIsFreedOnceAndNeverUnderACall() throws Exception {
    for (int round = 0; round < 300; ++round) closeAmongCalls();
  }

  private void closeAmongCalls() throws Exception {
    AtomicBoolean gone = new AtomicBoolean();
    AtomicInteger frees = new AtomicInteger();
    AtomicInteger wrong = new AtomicInteger();
    Handle shared = new Handle("it", 1, pointer -> {
      gone.set(true);
      frees.incrementAndGet();
    });
    CountDownLatch begun = new CountDownLatch(4);
    List<Thread> callers = new ArrayList<>();
    for (int i = 0; i < 4; ++i) {
      callers.add(new Thread(() -> {
        begun.countDown();
        try {
          for (;;) {
            shared.enter();
            if (gone.get()) wrong.incrementAndGet();
            shared.exit();
          }
        } catch (IllegalStateException e) {
          // It is closed.
        }
      }));
    }
    callers.forEach(Thread::start);
    begun.await();
    shared.close();
    shared.awaitFreed();
    for (Thread each : callers) each.join();
    assertEquals(0, wrong.get());
    assertEquals(1, frees.get());
  }
}

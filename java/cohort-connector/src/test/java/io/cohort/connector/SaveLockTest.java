package io.cohort.connector;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Who has the lock of a session's saves. */
@SuppressWarnings("try")
class SaveLockTest {
  private final SaveLock lock = new SaveLock(10);

  private static <T> T elsewhere(Supplier<T> call) {
    return CompletableFuture.supplyAsync(call, task -> new Thread(task).start()).join();
  }

  /** By another thread, which gives it back. */
  private boolean isFree() {
    return elsewhere(() -> {
      try (SaveLock.Held held = lock.holdSoon()) {
        return held != null;
      }
    });
  }

  private static void expect(boolean expected, boolean actual) {
    assertEquals(expected, actual);
  }

  @Test
  void itsThreadMayTakeItAgain() {
    try (SaveLock.Held held = lock.hold()) {
      try (SaveLock.Held again = lock.holdSoon()) {
        assertNotNull(again);
        try (SaveLock.Held oneMore = lock.tryToHold()) {
          assertNotNull(oneMore);
        }
        expect(false, isFree());
      }
      expect(false, isFree());
    }
    expect(true, isFree());
  }

  @Test
  void othersDoNotGetItMeanwhile() {
    try (SaveLock.Held held = lock.hold()) {
      assertNull(elsewhere(lock::tryToHold));
      assertNull(elsewhere(lock::holdSoon));
    }
  }

  @Test
  void whatWasLeftIsNobodysUntilAnyThreadClosesIt() {
    AtomicReference<SaveLock.Left> left = new AtomicReference<>();
    try (SaveLock.Held held = lock.hold()) {
      assertTrue(held.leaveTo(one -> {
        left.set(one);
        return true;
      }));
    }
    expect(false, isFree());
    assertNull(lock.tryToHold(), "not even of who left it");
    elsewhere(() -> {
      left.get().close();
      return null;
    });
    expect(true, isFree());
    try (SaveLock.Held held = lock.tryToHold()) {
      assertNotNull(held);
    }
    expect(true, isFree());
  }

  @Test
  void whatNobodyTakesIsHeldAsBefore() {
    try (SaveLock.Held held = lock.hold()) {
      assertFalse(held.leaveTo(left -> false));
      assertThrows(IllegalStateException.class,
          () -> held.leaveTo(left -> { throw new IllegalStateException("it cannot be begun"); }));
      try (SaveLock.Held again = lock.tryToHold()) {
        assertNotNull(again);
      }
      expect(false, isFree());
    }
    expect(true, isFree());
  }

  @Test
  void whoHasItTwiceCannotLeaveIt() {
    try (SaveLock.Held held = lock.hold()) {
      try (SaveLock.Held again = lock.hold()) {
        assertFalse(again.leaveTo(left -> true));
      }
      expect(false, isFree());
    }
    expect(true, isFree());
  }
}

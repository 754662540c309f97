package io.cohort.connector;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.cohort.SessionChanges;
import org.junit.jupiter.api.Test;

class SpareChangesTest {
  private final SpareChanges spare = new SpareChanges();

  @Test
  void whatIsGivenBackIsTakenAgainByOne() {
    SessionChanges first = spare.take();
    spare.give(first.set("n", new byte[4096]).erase("gone"));
    int memory = first.capacity();
    assertSame(first, spare.take());
    first.set("n", new byte[4096]).erase("gone");
    assertEquals(memory, first.capacity(), "it was empty");
    assertNotSame(first, spare.take());
  }

  @Test
  void whatIsLargeIsNotKept() {
    SessionChanges large = spare.take().set("n", new byte[SpareChanges.BYTES_MAX]);
    spare.give(large.clear().set("n", new byte[1]));
    assertNotSame(large, spare.take());
    SessionChanges names = spare.take();
    for (int i = 0; i < 100; ++i) names.erase("x".repeat(1000) + i);
    spare.give(names);
    assertNotSame(names, spare.take());
  }
}

package io.cohort;

import static io.cohort.Loopback.bytes;
import static io.cohort.Loopback.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Two groups of one name, each of one member, that have both written to a key before they meet. */
class MergeResolverTest {
  private static final int ATTEMPTS = 30;
  private final AtomicInteger asked = new AtomicInteger();
  private final Set<String> threads = ConcurrentHashMap.newKeySet();

  // Where nobody is.
  private static final String NOBODY = "127.0.0.1:9";

  // Nobody is told where the others are but by `seed`.
  private static GroupOptions apart(String group, String name, String bind, String seed) {
    return Loopback.options(group, name).bind(bind).noMulticast(true).seeds(List.of(seed));
  }

  // Where a member may be that is not there yet.
  private static String freeAddress(String group) {
    try (Group first = Group.join(apart(group, "first", "127.0.0.1", NOBODY))) {
      return first.address();
    }
  }

  // The words of both.
  private byte[] unite(MergeConflict conflict) {
    threads.add(Thread.currentThread().getName());
    assertEquals("k", text(conflict.key()));
    assertNull(conflict.attribute());
    Set<String> words = new TreeSet<>(List.of(text(conflict.held()).split(" ")));
    words.addAll(List.of(text(conflict.brought()).split(" ")));
    asked.incrementAndGet();
    return bytes(String.join(" ", words));
  }

  private static ReplicatedMap open(Group group, MergeResolver resolver) {
    return group.openMap("m", MapKind.ORDERED, 0, 0, resolver);
  }

  private static void put(ReplicatedMap map, String value) {
    try {
      map.put(bytes("k"), bytes(value), WriteOptions.DEFAULT);
    } catch (CohortException metMeanwhile) {
      // Then there is another attempt.
    }
  }

  /** What both hold after they have met; null if they met before both had written. */
  private String meet(String address, Group b, MergeResolver resolver, Loopback.Recorder toldB) {
    try (Group a = Group.join(apart("resolver", "a", address, NOBODY))) {
      if (a.view().members().size() > 1) return null;
      int merges =
          toldB.all(Event.class).stream().filter(MergeResolverTest::isMerge).toList().size();
      int before = asked.get();
      ReplicatedMap atA = open(a, resolver);
      ReplicatedMap atB = open(b, resolver);
      put(atB, "brown");
      put(atA, "ash");
      Loopback.awaitTrue("they have met",
          ()
              -> toldB.all(Event.class).stream().filter(MergeResolverTest::isMerge).toList().size()
              > merges);
      if (asked.get() == before) return null;
      Loopback.awaitTrue("both hold the same",
          () -> text(atA.get(bytes("k")).value()).equals(text(atB.get(bytes("k")).value())));
      return text(atA.get(bytes("k")).value());
    }
  }

  private static boolean isMerge(Event event) {
    return event.kind().equals("merged");
  }

  private String meetAtLast(MergeResolver resolver) {
    String address = freeAddress("resolver");
    Loopback.Recorder told = new Loopback.Recorder();
    try (Group b = Group.join(apart("resolver", "b", "127.0.0.1", address).listener(told))) {
      for (int attempt = 0; attempt < ATTEMPTS; ++attempt) {
        String value = meet(address, b, resolver, told);
        if (value != null) return value;
      }
    }
    throw new AssertionError("they were never apart for long enough");
  }

  @Test
  void whatBothSidesWroteIsUnited() {
    assertEquals("ash brown", meetAtLast(this::unite));
    assertTrue(asked.get() > 0);
    assertEquals(Set.of("cohort-io"), threads);
  }

  @Test
  void aResolverThatThrowsLeavesOneOfBoth() {
    String value = meetAtLast(conflict -> {
      asked.incrementAndGet();
      throw new IllegalStateException("on purpose");
    });
    assertTrue(Set.of("ash", "brown").contains(value), value);
  }
}

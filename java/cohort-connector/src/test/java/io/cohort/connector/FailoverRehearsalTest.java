package io.cohort.connector;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.Session;
import io.cohort.session.AttributeCodec;
import io.cohort.session.ClassRules;
import io.cohort.session.DecodeResult;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FailoverRehearsalTest {
  private static final ClassLoader LOADER = FailoverRehearsalTest.class.getClassLoader();

  private final AttributeCodec codec = new AttributeCodec(ClassRules.of(LOADER));
  private final Lines log = new Lines();
  private final FailoverRehearsal rehearsal = new FailoverRehearsal();
  private int rounds;

  private void run(int atOnce) {
    rehearsal.run(atOnce, codec, log, store -> ++rounds > 0);
  }

  @Test
  void itIsGoneThroughAPartAtATimeAndThenNoMore() {
    run(100);
    assertEquals(100, rehearsal.done());
    run(FailoverRehearsal.ROUNDS);
    run(1);
    assertEquals(FailoverRehearsal.ROUNDS, rehearsal.done());
    assertEquals(FailoverRehearsal.ROUNDS, rounds);
  }

  @Test
  void eachRoundFindsTheSessionWhole() {
    List<Session> found = new ArrayList<>();
    rehearsal.run(2, codec, log, store -> found.add(store.load(FailoverRehearsal.ID)));
    for (Session each : found) {
      assertEquals(FailoverRehearsal.attributes(codec).size(), each.attributes().toMap().size());
    }
    assertEquals(2, found.size());
  }

  @Test
  void attributesAreInItAsFarAsTheRulesLetThemIn() {
    AttributeCodec strict = new AttributeCodec(ClassRules.only(LOADER, "java.lang.*;!*"));
    int all = FailoverRehearsal.attributes(codec).size();
    assertEquals(7, all);
    assertEquals(5, FailoverRehearsal.attributes(strict).size());
    FailoverRehearsal.attributes(strict).values().forEach(
        bytes -> assertInstanceOf(DecodeResult.Decoded.class, strict.decode(bytes)));
  }

  @Test
  void whatFailsIsNotTriedAgainAndHarmsNobody() {
    rehearsal.run(10, codec, log, store -> {
      if (++rounds == 3) throw new IllegalStateException("broken");
      return true;
    });
    run(10);
    assertEquals(3, rounds);
    assertEquals(2, rehearsal.done());
    assertTrue(rehearsal.isOver());
  }

  @Test
  void anApplicationThatStopsLeavesTheRestToOthers() {
    rehearsal.run(10, codec, log, store -> ++rounds < 3);
    assertEquals(2, rehearsal.done());
    run(10);
    assertEquals(12, rehearsal.done());
  }

  @Test
  void nothingIsLeftOfItBetweenTheParts() {
    rehearsal.run(1, codec, log, store -> store.invalidate(FailoverRehearsal.ID).ok());
    List<Boolean> there = new ArrayList<>();
    rehearsal.run(1, codec, log, store -> there.add(store.exists(FailoverRehearsal.ID)));
    assertEquals(List.of(true), there);
  }
}

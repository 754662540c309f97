package io.cohort.glassfish;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.Session;
import io.cohort.Version;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class KnownSessionsTest {
  private static final int SESSIONS = 20_000;

  private final KnownSessions known = new KnownSessions();

  @Test
  void endsAreRememberedUpToALimit() {
    for (int i = 0; i <= KnownSessions.ENDED_MAX; ++i) known.end("id" + i);
    assertEquals(KnownSessions.ENDED_MAX, known.endedSize());
    assertFalse(known.hasEnded("id0"));
    assertTrue(known.hasEnded("id1"));
  }

  /** A store that gave a session up refuses what the object before would write. */
  @Test
  void anObjectIsWhatTheStoreHasIfVersionAndFenceAre() {
    Version version = new Version(1, 1);
    KnownSessions.Known mine = new KnownSessions.Known(version, 7, true);
    assertTrue(mine.isEqualTo(session(version, 7)));
    assertFalse(mine.isEqualTo(session(version, 8)));
    assertFalse(mine.isEqualTo(session(new Version(1, 2), 7)));
  }

  private static Session session(Version version, long fence) {
    return new Session("s1", 0, 0, 0, new byte[0], null, version, fence, true);
  }

  /** Else a late save would begin it again. */
  @Test
  void aSessionThatIsEndingIsAtNoMomentTakenForANewOne() throws Exception {
    AtomicInteger begun = new AtomicInteger(-1);
    AtomicInteger ended = new AtomicInteger(-1);
    Thread other = new Thread(() -> {
      for (int i = 0; i < SESSIONS; ++i) {
        while (begun.get() < i) Thread.onSpinWait();
        known.end("id" + i);
        ended.set(i);
      }
    });
    other.start();
    int missed = 0;
    for (int i = 0; i < SESSIONS; ++i) {
      known.put("id" + i, new Version(1, 1), 0, true);
      begun.set(i);
      while (ended.get() < i) {
        KnownSessions.Look look = known.look("id" + i);
        if (look.known() == null && !look.ended()) ++missed;
      }
    }
    other.join();
    assertEquals(0, missed);
  }
}

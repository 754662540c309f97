package io.cohort.connector;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.Session;
import io.cohort.Version;
import org.junit.jupiter.api.Test;

class StandingTest {
  private final Standing standing = new Standing();

  @Test
  void aDoubtThatComesDuringAWriteOutlivesIt() {
    int before = standing.doubts();
    standing.doubt();
    standing.onStored(new Version(1, 1), 1, before);
    assertFalse(standing.isTrusted());
    standing.onStored(new Version(1, 2), 1, standing.doubts());
    assertTrue(standing.isTrusted());
  }

  @Test
  void aUseIsNewsAfterASecondOrATenthOfTheSessionsTime() {
    assertFalse(standing.isUseTold(1_000_000, 1_800_000));
    standing.onUseTold(1_000_000);
    assertTrue(standing.isUseTold(1_000_999, 1_800_000));
    assertFalse(standing.isUseTold(1_001_000, 1_800_000));
    assertTrue(standing.isUseTold(1_000_199, 2_000));
    assertFalse(standing.isUseTold(1_000_200, 2_000));
    // One that never ends; and a clock that was put back.
    assertTrue(standing.isUseTold(1_000_999, 0));
    assertFalse(standing.isUseTold(1_001_000, -1));
    assertFalse(standing.isUseTold(999_999, 1_800_000));
  }

  @Test
  void whatAnotherOneHasIsAwayUntilTheStoreSaysWhoseItIs() {
    standing.onStored(new Version(1, 1), 1, standing.doubts());
    standing.doubt();
    assertFalse(standing.isAway());
    int before = standing.doubts();
    standing.move();
    assertTrue(standing.isAway() && !standing.isTrusted());
    standing.trust(true, before);
    assertTrue(standing.isAway());
    standing.trust(true, standing.doubts());
    assertTrue(!standing.isAway() && standing.isTrusted());
  }

  /** A store that gave a session up refuses what the object before would write. */
  @Test
  void anObjectIsWhatTheStoreHasIfVersionAndFenceAre() {
    Version version = new Version(1, 1);
    standing.onStored(version, 7, standing.doubts());
    assertTrue(standing.isEqualTo(session(version, 7)));
    assertFalse(standing.isEqualTo(session(version, 8)));
    assertFalse(standing.isEqualTo(session(new Version(1, 2), 7)));
  }

  private static Session session(Version version, long fence) {
    return new Session("s1", 0, 0, 0, new byte[0], null, version, fence, true);
  }

  @Test
  void whatIsNotStoredIsTrustedAndWhatAnotherOneOwnsIsNot() {
    standing.doubt();
    assertTrue(standing.isTrusted());
    standing.onStored(new Version(1, 1), 7, standing.doubts());
    standing.trust(false, standing.doubts());
    assertFalse(standing.isTrusted());
    standing.onNotStored();
    assertTrue(standing.isTrusted());
    assertTrue(!standing.isStored() && standing.fence() == 0);
  }
}

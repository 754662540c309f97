package io.cohort.connector;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.SessionChanges;
import io.cohort.SessionStore;
import io.cohort.SessionStoreOptions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class PendingEndsTest {
  private final Lines log = new Lines();
  private final SessionStore store = SessionStore.open(new SessionStoreOptions("/ends"), null);
  private final PendingEnds ends = new PendingEnds(store, log);

  @BeforeEach
  void renameASession() {
    assertTrue(store.create("old", new SessionChanges()).ok());
    assertTrue(store.changeId("old", "new").ok());
  }

  @AfterEach
  void close() {
    store.close();
  }

  @Test
  void aSessionIsEndedWhateverItIsCalledByNow() {
    assertEquals(PendingEnds.Outcome.ENDED, ends.end("old"));
    assertFalse(store.exists("new"));
    assertEquals(PendingEnds.Outcome.WAS_ENDED, ends.end("old"));
    assertEquals(0, ends.size());
  }

  @Test
  void theEndOfASessionIsTriedAgainByTheIdThatItHasMeanwhile() {
    ends.remember("old", true);
    assertTrue(ends.contains("old"));
    ends.retry();
    assertFalse(store.exists("new"));
    assertFalse(ends.contains("old"));
  }

  @Test
  void whoGotANewIdIsNotLoggedOutBecauseTheOldOneIsEndedLater() {
    ends.remember("old", false);
    ends.retry();
    assertTrue(store.exists("new"));
    assertEquals(0, ends.size());
  }

  @Test
  void beyondItsLimitTheOldestIsGivenUpAndLogged() {
    for (int i = 0; i <= PendingEnds.PENDING_MAX; ++i) ends.remember("id" + i, true);
    assertEquals(PendingEnds.PENDING_MAX, ends.size());
    assertFalse(ends.contains("id0"));
    assertTrue(ends.contains("id1"));
    assertEquals(1, log.warnings.size());
  }

  @Test
  void whatFailsStays() {
    ends.remember("old", true);
    store.close();
    assertThrows(IllegalStateException.class, ends::retry);
    assertTrue(ends.contains("old"));
  }
}

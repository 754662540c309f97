package io.cohort.glassfish;

import static io.cohort.glassfish.Members.awaitTrue;
import static io.cohort.glassfish.Members.session;
import static io.cohort.glassfish.Members.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.Session;
import io.cohort.SessionChanges;
import io.cohort.SessionStore;
import io.cohort.SessionStoreOptions;
import java.util.List;
import org.glassfish.ha.store.api.BackingStoreException;
import org.glassfish.ha.store.util.SimpleMetadata;
import org.junit.jupiter.api.Test;

class CohortStoreTest {
  @Test
  void aSessionIsReadAsItWasSaved() throws Exception {
    try (Members members = new Members("read")) {
      CohortStore store = members.local().store;
      SimpleMetadata saved = session(7, "cart");
      store.save("a", saved, false);
      SimpleMetadata read = store.load("a", null);
      assertEquals("cart", text(read));
      assertEquals(7, read.getVersion());
      assertEquals(saved.getLastAccessTime(), read.getLastAccessTime());
      assertEquals(saved.getMaxInactiveInterval(), read.getMaxInactiveInterval());
      assertEquals(1, store.size());
      assertNull(store.load("b", null));
    }
  }

  @Test
  void whatIsSavedIsAtTheOtherMemberAndItGoesOnWithIt() throws Exception {
    try (Members members = new Members("move")) {
      CohortStore one = members.join("n1").store;
      CohortStore two = members.join("n2").store;
      one.save("a", session(1, "one"), false);
      assertEquals("one", text(two.load("a", null)));
      two.save("a", session(2, "two"), true);
      assertEquals("two", text(one.load("a", null)));
    }
  }

  @Test
  void anObjectThatIsOldIsRefusedUntilTheSessionIsLoadedAgain() throws Exception {
    try (Members members = new Members("old")) {
      Members.Member first = members.join("n1");
      CohortStore one = first.store;
      CohortStore two = members.join("n2").store;
      one.save("a", session(1, "one"), false);
      two.load("a", null);
      two.save("a", session(2, "two"), false);
      assertThrows(CohortStore.Refused.class, () -> one.save("a", session(2, "old"), false));
      assertEquals("two", text(two.load("a", null)));
      awaitTrue("the manager was not told", () -> first.toldStale("a"));
      assertFalse(one.isCurrent("a"));
      one.load("a", null);
      assertTrue(one.isCurrent("a"));
      one.save("a", session(3, "three"), false);
      assertEquals("three", text(two.load("a", null)));
    }
  }

  @Test
  void aSessionThatHasEndedElsewhereIsNotBroughtBack() throws Exception {
    try (Members members = new Members("ended")) {
      Members.Member first = members.join("n1");
      CohortStore one = first.store;
      CohortStore two = members.join("n2").store;
      one.save("a", session(1, "one"), false);
      two.load("a", null);
      two.remove("a");
      assertThrows(CohortStore.Refused.class, () -> one.save("a", session(2, "late"), false));
      assertNull(two.load("a", null));
      awaitTrue("the manager was not told", () -> first.toldStale("a"));
      assertFalse(one.isCurrent("a"));
      assertThrows(CohortStore.Refused.class, () -> one.save("a", session(3, "later"), false));
      assertNull(two.load("a", null));
    }
  }

  @Test
  void theObjectOfANewSessionIsTheSession() {
    try (Members members = new Members("new")) {
      assertTrue(members.local().store.isCurrent("a"));
    }
  }

  @Test
  void anIdThatHasEndedCanBeginAgain() throws Exception {
    try (Members members = new Members("again")) {
      CohortStore store = members.local().store;
      store.save("a", session(1, "one"), false);
      store.remove("a");
      assertThrows(CohortStore.Refused.class, () -> store.save("a", session(2, "late"), false));
      store.begin("a");
      store.save("a", session(1, "next"), false);
      assertEquals("next", text(store.load("a", null)));
    }
  }

  @Test
  void anIdIsChangedEverywhereAtOnce() throws Exception {
    try (Members members = new Members("rename")) {
      CohortStore one = members.join("n1").store;
      CohortStore two = members.join("n2").store;
      one.save("a", session(1, "user"), false);
      one.changeId("a", "b");
      // GlassFish takes the old id out of its manager, and so of the store.
      one.remove("a");
      assertNull(two.load("a", null));
      assertEquals("user", text(two.load("b", null)));
      one.save("b", session(2, "more"), false);
      assertEquals("more", text(two.load("b", null)));
    }
  }

  @Test
  void aSessionThatExpiresIsToldOnceWithWhatItHeldLast() throws Exception {
    try (Members members = new Members("expire")) {
      Members.Member first = members.join("n1");
      Members.Member second = members.join("n2");
      first.store.save("a", session(1, "last", 300), false);
      awaitTrue("it did not expire", () -> !first.toldEnded().isEmpty());
      assertEquals(List.of("a last"), first.toldEnded());
      awaitTrue("the other manager was not told", () -> second.toldStale("a"));
      assertNull(second.store.load("a", null));
      assertEquals(List.of(), second.toldEnded());
    }
  }

  @Test
  void aSessionThatIsTooLargeIsReportedAndDoesNotComeBackOlder() throws Exception {
    try (Members members = new Members("large")) {
      CohortStore one = members.join("n1").store;
      CohortStore two = members.join("n2").store;
      one.save("a", session(1, "small"), false);
      BackingStoreException refused = assertThrows(
          BackingStoreException.class, () -> one.save("a", session(2, "x".repeat(600_000)), false));
      assertTrue(refused.getMessage().contains("600000 bytes is too large"), refused.getMessage());
      assertNull(two.load("a", null));
      one.save("a", session(3, "small again"), false);
      assertEquals("small again", text(two.load("a", null)));
    }
  }

  @Test
  void whatIsNoSessionOfGlassFishIsNone() {
    SessionStoreOptions options = new SessionStoreOptions(Members.APPLICATION);
    try (SessionStore sessions = SessionStore.open(options, null)) {
      sessions.create("a", new SessionChanges().set("cart", new byte[1]));
      assertNull(StoredState.read(sessions.load("a")));
      sessions.create("b", new SessionChanges().set(StoredState.ATTRIBUTE, new byte[1]));
      assertNull(StoredState.read(sessions.load("b")));
      byte[] later = new byte[26];
      later[0] = 2;
      sessions.create(
          "c", new SessionChanges().set(StoredState.ATTRIBUTE, new byte[1]).metadata(later));
      Session unknown = sessions.load("c");
      assertNull(StoredState.read(unknown));
    }
  }

  @Test
  void aForgedRecordIsToldAndNoOtherSessionSuffers() throws Exception {
    try (Members members = new Members("forged")) {
      CohortStore one = members.join("n1").store;
      one.save("a", session(1, "ann"), false);
      members.forgeRecord("forged");
      BackingStoreException refused =
          assertThrows(BackingStoreException.class, () -> one.load("forged", null));
      assertTrue(refused.getMessage().contains("cannot be loaded"), refused.getMessage());
      assertThrows(
          BackingStoreException.class, () -> one.save("forged", session(1, "mine"), false));
      assertEquals("ann", text(one.load("a", null)));
    }
  }

  @Test
  void aMemberOfAnotherApplicationHasNothingToDoWithTheSession() throws Exception {
    try (Members members = new Members("other")) {
      CohortStore one = members.join("n1").store;
      one.save("a", session(1, "ann"), false);
      try (SessionStore other = members.storeOf("/shop")) {
        assertFalse(other.exists("a"));
        assertTrue(other.create("a", new SessionChanges()).ok());
        assertTrue(other.create("theirs", new SessionChanges()).ok());
        assertTrue(other.invalidate("a").ok());
      }
      assertEquals("ann", text(one.load("a", null)));
      assertTrue(one.isCurrent("a"));
      assertNull(one.load("theirs", null));
    }
  }
}

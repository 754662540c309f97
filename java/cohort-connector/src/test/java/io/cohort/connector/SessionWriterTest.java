package io.cohort.connector;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.Session;
import io.cohort.SessionChanges;
import io.cohort.SessionStore;
import io.cohort.SessionStoreOptions;
import io.cohort.connector.SessionWriter.Written;
import io.cohort.session.AttributeCodec;
import io.cohort.session.AttributePolicy;
import io.cohort.session.ChangeTracker;
import io.cohort.session.ClassRules;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SessionWriterTest {
  private static final int LARGE = 300 * 1024;

  private final Lines log = new Lines();
  private final Counters counters = new Counters();
  private SessionStore store = SessionStore.open(new SessionStoreOptions("/writer"), null);
  private final One session = new One();

  /** A session's object, as a server has it. */
  private static final class One implements SessionWriter.Target {
    final Map<String, Object> attributes = new HashMap<>();
    final Standing standing = new Standing();
    final ChangeTracker tracker =
        new ChangeTracker(new AttributeCodec(ClassRules.of(One.class.getClassLoader())),
            new AttributePolicy("/writer"), true);
    String followed = "";

    void set(String name, Object value) {
      if (value == null) {
        attributes.remove(name);
      } else {
        attributes.put(name, value);
      }
      tracker.onWritten(name);
    }

    @Override
    public String storeId() {
      return "A1";
    }

    @Override
    public long createdMs() {
      return 1_700_000_000_000L;
    }

    @Override
    public Standing standing() {
      return standing;
    }

    @Override
    public ChangeTracker tracker() {
      return tracker;
    }

    @Override
    public void follow(String newStoreId) {
      followed = newStoreId;
    }
  }

  @AfterEach
  void close() {
    store.close();
  }

  private Written save() {
    SessionWriter writer = new SessionWriter("/writer", store, counters, log);
    return writer.write(session, session.tracker.collect(session.attributes::get), null, 0);
  }

  private Session there() {
    return store.load("A1");
  }

  @Test
  void whatHadNoRoomIsSentWhenThereIsSome() {
    session.set("a", new byte[LARGE]);
    session.set("b", new byte[LARGE]);
    assertEquals(Written.ACKNOWLEDGED, save());
    String refused = there().attributes().get("a") == null ? "a" : "b";
    String kept = refused.equals("a") ? "b" : "a";
    assertNull(there().attributes().get(refused));
    session.set("n", 1);
    assertTrue(session.tracker.collect(session.attributes::get).put().keySet().contains("n"));
    session.set(kept, "small");
    session.set("n", 2);
    save();
    assertEquals(LARGE + 2, there().attributes().get(refused).length);
  }

  @Test
  void whileThereIsNoRoomItIsNotSentForHavingBeenRead() {
    session.set("a", new byte[LARGE]);
    save();
    session.set("b", new byte[LARGE]);
    save();
    session.tracker.onRead("b", session.attributes.get("b"));
    assertTrue(session.tracker.collect(session.attributes::get).isEmpty());
    session.set("b", new byte[1]);
    save();
    assertEquals(3, there().attributes().get("b").length);
  }

  @Test
  void whatHadNoRoomAndWasRemovedIsNotSentAnyMore() {
    session.set("a", new byte[LARGE]);
    save();
    session.set("b", new byte[LARGE]);
    save();
    session.set("b", null);
    session.set("a", null);
    save();
    assertEquals(0, there().attributes().count());
  }

  @Test
  void manyAttributesAreWrittenInPartsAndAreAllThere() {
    for (int i = 0; i < SessionWriter.ATTRIBUTES_MAX + 5; ++i) session.set("n" + i, i);
    assertEquals(Written.ACKNOWLEDGED, save());
    assertEquals(SessionWriter.ATTRIBUTES_MAX + 5, there().attributes().count());
    assertEquals(1, counters.created.sum());
    for (int i = 0; i < SessionWriter.ATTRIBUTES_MAX + 5; ++i) session.set("n" + i, null);
    save();
    assertEquals(0, there().attributes().count());
    assertEquals(1, counters.saved.sum());
  }

  @Test
  void aCreationThatHadTakenEffectIsTakenForWhatItIsAndAnotherOnesIsAConflict() {
    store.create("A1", new SessionChanges().createdMs(session.createdMs()));
    session.set("n", 1);
    assertEquals(Written.ACKNOWLEDGED, save());
    assertEquals(1, there().attributes().count());
    store.invalidate("A1");
    store.create("A1", new SessionChanges().createdMs(1));
    session.standing.onNotStored();
    session.set("n", 2);
    assertEquals(Written.CONFLICT, save());
    assertEquals(1, log.warnings.size());
    assertEquals(0, there().attributes().count());
  }

  @Test
  void anIdThatWasChangedIsFollowedToTheNewerSessionAndAnEndIsSaid() {
    session.set("n", 1);
    save();
    store.changeId("A1", "B2");
    session.set("n", 2);
    assertEquals(Written.CONFLICT, save());
    assertEquals("B2", session.followed);
    assertEquals(1, store.load("B2").attributes().count());
    store.invalidate("B2");
    session.set("n", 3);
    assertEquals(Written.ENDED, save());
    assertEquals(1, counters.endedElsewhere.sum());
  }

  @Test
  void whatWasNotAcknowledgedIsCollectedAgainAndToldOnce() {
    store.close();
    store = SessionStore.open(new SessionStoreOptions("/writer").bytesMax(1), null);
    session.set("n", 1);
    SessionWriter writer = new SessionWriter("/writer", store, counters, log);
    for (int i = 0; i < 3; ++i) {
      var changes = session.tracker.collect(session.attributes::get);
      assertFalse(changes.isEmpty());
      assertEquals(Written.UNACKNOWLEDGED, writer.write(session, changes, null, 0));
    }
    assertEquals(3, counters.unacknowledged.sum());
    assertEquals(1, log.warnings.size());
    assertFalse(session.standing.isStored());
  }
}

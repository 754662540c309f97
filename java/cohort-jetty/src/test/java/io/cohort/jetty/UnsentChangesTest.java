package io.cohort.jetty;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.cohort.SessionStore;
import io.cohort.SessionStoreOptions;
import io.cohort.connector.Counters;
import io.cohort.connector.PendingEnds;
import io.cohort.connector.SaveLock;
import io.cohort.connector.ServerLog;
import io.cohort.connector.SessionWriter;
import io.cohort.session.AttributeCodec;
import io.cohort.session.AttributePolicy;
import io.cohort.session.ChangeTracker;
import io.cohort.session.ClassRules;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.jetty.session.SessionCache;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** What becomes of changes that the store does not take. */
class UnsentChangesTest extends TwoServers {
  private static final ServerLog LOG =
      new JettyLog(LoggerFactory.getLogger(UnsentChangesTest.class));

  // Smaller than one session: the store takes none.
  @Override
  void prepare(Instance instance) {
    instance.factory.setBytesMax(1);
  }

  @Test
  void whatWasNotStoredIsNotEvictedWhenTheRequestEnds() throws Exception {
    first.cache().setEvictionPolicy(SessionCache.EVICT_ON_SESSION_EXIT);
    assertEquals("1", user.get(first, "/count"));
    assertTrue(first.store().getUnacknowledged() > 0);
    assertEquals("2", user.get(first, "/count"));
  }

  @Test
  void aStopTriesOnlyOneOfTheSessionsThatCannotBeStored() throws Exception {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < 5; ++i) {
      Browser each = new Browser();
      each.get(first, "/count");
      ids.add(each.storeId());
    }
    await("their requests have ended", () -> {
      for (String id : ids) {
        if (first.cache().doGet(id).getRequests() > 0) return false;
      }
      return true;
    });
    long before = first.store().getUnacknowledged();
    CohortSessionDataStore store = first.store();
    first.close();
    assertEquals(before + 1, store.getUnacknowledged());
  }

  @Test
  void aSaveThatFailsKeepsItsChangesForTheNextOne() {
    AttributeCodec codec = new AttributeCodec(ClassRules.of(getClass().getClassLoader()));
    AttributePolicy policy = new AttributePolicy("/shop");
    SessionStore store = SessionStore.open(new SessionStoreOptions("/failing"), null);
    Counters counters = new Counters();
    SessionWriter writer = new SessionWriter("/shop", store, counters, LOG);
    SessionSaver saver =
        new SessionSaver(store, writer, policy, new PendingEnds(store, LOG), counters);
    ChangeTracker tracker = new ChangeTracker(codec, policy, true);
    CohortSessionData data =
        new CohortSessionData(tracker, new SaveLock(1), null, "A1B2", "/shop", "host", 1, 60_000);
    data.setAttribute("n", 1);
    data.beginRelease();
    data.setUnderWay(false);
    store.close();
    assertThrows(IllegalStateException.class, () -> saver.save(data));
    assertTrue(data.isTouched());
    assertTrue(tracker.collect(name -> data.getAttribute(name)).put().containsKey("n"));
  }
}

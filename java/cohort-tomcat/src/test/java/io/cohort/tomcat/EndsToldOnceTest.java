package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.cohort.Session;
import io.cohort.SessionEvent;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the store says of an end, and what the application's listeners are told of it. */
class EndsToldOnceTest {
  @TempDir private Path temporary;
  private Instance n1;
  private final Browser user = new Browser();

  @BeforeEach
  void start() throws Exception {
    n1 = new Instance(temporary, "n1", manager -> {}).start();
    user.get(n1, "set?name=user&value=ann");
  }

  @AfterEach
  void stop() {
    n1.close();
  }

  private void tellExpired(String storeId, Session last) {
    n1.manager().endHere(new SessionEvent(
        SessionEvent.Kind.EXPIRED, storeId, "", "", true, 1, null, null, "expired", last));
  }

  @Test
  void whatARequestHasEndedAndToldIsNotToldAgainByTheStore() throws Exception {
    Session last = n1.manager().store().load(user.storeId());
    CohortSession session = (CohortSession) n1.manager().findSession(user.id());
    n1.manager().store().invalidate(user.storeId());
    session.getSession().invalidate();
    assertEquals(1, n1.toldOf("destroyed ann"));
    tellExpired(user.storeId(), last);
    assertEquals(1, n1.toldOf("destroyed ann"));
  }

  @Test
  void anEndWhoseContentsHadNoRoomIsToldAllTheSame() {
    tellExpired("UNKNOWN", null);
    assertEquals(1, n1.toldOf("destroyed null"));
    assertEquals(1, n1.status().getEndedHere());
    assertEquals(0, n1.status().getEndedUntold());
  }

  @Test
  void ofAnObjectThatMayBeOldTheListenersAreNotTold() throws Exception {
    Session last = n1.manager().store().load(user.storeId());
    user.get(n1, "set?name=user&value=bob");
    ((CohortSession) n1.manager().findSession(user.id())).standing().doubt();
    tellExpired(user.storeId(), last);
    assertEquals(1, n1.toldOf("destroyed ann"));
    assertEquals(0, n1.toldOf("destroyed bob"));
  }
}

package io.cohort.tomcat;

import io.cohort.SessionEvent;
import io.cohort.SessionListener;

/** What the store tells, for the objects that are here. On the thread "cohort-notices". */
final class StoreEvents implements SessionListener {
  private final CohortManager manager;

  StoreEvents(CohortManager manager) {
    this.manager = manager;
  }

  @Override
  public void onEvent(SessionEvent event) {
    switch (event.kind()) {
      case EXPIRED, EVICTED -> {
        if (event.here()) {
          manager.endHere(event);
        } else {
          manager.dropEnded(event.id());
        }
      }
      // That of this instance was told by HttpSession.invalidate itself.
      case INVALIDATED, WITHDRAWN -> {
        if (!event.here()) manager.dropEnded(event.id());
      }
      case MOVED, ID_CHANGED -> {
        if (!event.here()) manager.letGo(event.id());
      }
      case CONFLICT -> manager.doubt(event.id());
      case REFUSED_ATTRIBUTE -> manager.refusedAttribute(event);
      case CREATED, CHANGED, OTHER -> {
      }
    }
  }

  @Override
  public void onLost(long count) {
    manager.counters().eventsLost.add(count);
    manager.doubtAll();
  }
}

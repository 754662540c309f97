package io.cohort.tomcat.app;

import jakarta.servlet.http.HttpSessionActivationListener;
import jakarta.servlet.http.HttpSessionEvent;
import java.io.Serializable;

/** An attribute that has something open, which it must close before it is written. */
public class Waiting implements Serializable, HttpSessionActivationListener {
  private static final long serialVersionUID = 1;

  private boolean open = true;

  @Override
  public void sessionWillPassivate(HttpSessionEvent event) {
    open = false;
    // As one that looks at its neighbours.
    event.getSession().getAttributeNames().asIterator().forEachRemaining(
        event.getSession()::getAttribute);
  }

  @Override
  public void sessionDidActivate(HttpSessionEvent event) {
    if (open) throw new IllegalStateException("it was written open");
    open = true;
  }

  @Override
  public String toString() {
    return open ? "open" : "closed";
  }
}

package io.cohort.tomcat.app;

import jakarta.servlet.http.HttpSessionActivationListener;
import jakarta.servlet.http.HttpSessionEvent;
import java.io.Serializable;

/** An attribute that can be used only after it was told that it has come, which takes its time. */
public class Arriving implements Serializable, HttpSessionActivationListener {
  private static final long serialVersionUID = 1;
  private static final long NANOS = 50_000_000;

  private transient volatile boolean ready;

  @Override
  public void sessionDidActivate(HttpSessionEvent event) {
    long end = System.nanoTime() + (ready ? 0 : NANOS);
    while (System.nanoTime() < end) Thread.yield();
    ready = true;
  }

  @Override
  public String toString() {
    return ready ? "ready" : "not told";
  }
}

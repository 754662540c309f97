package org.apache.catalina.session;

import java.io.IOException;
import org.apache.catalina.Session;
import org.apache.catalina.Store;

/** A manager whose sessions are in memory and in a store. */
public abstract class PersistentManagerBase {
  public Session createSession(String id) {
    throw new UnsupportedOperationException();
  }

  public Session findSession(String id) throws IOException {
    throw new UnsupportedOperationException();
  }

  protected Session superFindSession(String id) throws IOException {
    throw new UnsupportedOperationException();
  }

  public void changeSessionId(Session session) {
    throw new UnsupportedOperationException();
  }

  protected synchronized String generateSessionId() {
    throw new UnsupportedOperationException();
  }

  public Store getStore() {
    throw new UnsupportedOperationException();
  }
}

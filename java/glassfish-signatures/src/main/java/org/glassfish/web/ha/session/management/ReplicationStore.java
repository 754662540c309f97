package org.glassfish.web.ha.session.management;

import java.io.IOException;
import org.apache.catalina.Session;
import org.apache.catalina.Store;

/** Makes bytes of sessions, and sessions of bytes. */
public class ReplicationStore implements Store {
  public void doValveSave(Session session) throws IOException {
    throw new UnsupportedOperationException();
  }

  public Session getSession(byte[] state, long version) throws IOException {
    throw new UnsupportedOperationException();
  }
}

package org.glassfish.web.ha.session.management;

import java.io.IOException;
import org.apache.catalina.Session;
import org.apache.catalina.session.PersistentManagerBase;
import org.glassfish.ha.store.api.BackingStore;
import org.glassfish.ha.store.api.Storeable;

/** A manager whose store is a BackingStore. */
public abstract class ReplicationManagerBase<T extends Storeable> extends PersistentManagerBase {
  protected BackingStore<String, T> backingStore;

  public boolean isSessionVersioningSupported() {
    throw new UnsupportedOperationException();
  }

  public Session findSession(String id, String version) throws IOException {
    throw new UnsupportedOperationException();
  }

  public void removeSessionFromManagerCache(Session session) {
    throw new UnsupportedOperationException();
  }
}

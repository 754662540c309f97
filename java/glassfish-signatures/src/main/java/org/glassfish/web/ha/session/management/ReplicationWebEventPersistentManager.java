package org.glassfish.web.ha.session.management;

import java.util.Map;
import org.apache.catalina.Session;
import org.glassfish.ha.store.api.Storeable;

/** The manager that saves a session at the end of each request. */
public class ReplicationWebEventPersistentManager<T extends Storeable>
    extends ReplicationManagerBase<T> {
  public void doValveSave(Session session) {
    throw new UnsupportedOperationException();
  }

  public String getReplicaFromPredictor(String id, String before) {
    throw new UnsupportedOperationException();
  }

  public void createBackingStore(
      String type, String name, Class<T> values, Map<String, Object> settings) {
    throw new UnsupportedOperationException();
  }
}

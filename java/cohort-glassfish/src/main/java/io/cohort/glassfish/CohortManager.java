package io.cohort.glassfish;

import io.cohort.CohortException;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.logging.Level;
import java.util.logging.Logger;
import org.apache.catalina.Session;
import org.glassfish.ha.store.api.BackingStore;
import org.glassfish.ha.store.api.BackingStoreException;
import org.glassfish.ha.store.api.Storeable;
import org.glassfish.ha.store.util.SimpleMetadata;
import org.glassfish.hk2.api.PerLookup;
import org.glassfish.web.ha.session.management.ReplicationStore;
import org.glassfish.web.ha.session.management.ReplicationWebEventPersistentManager;
import org.jvnet.hk2.annotations.Service;

/**
 * GlassFish's manager of replicated sessions, with Cohort for its store. GlassFish makes one for
 * each application with {@code <distributable/>} that is deployed with availability, as this class
 * is ranked above its own (by META-INF/hk2-locator/default).
 *
 * <p>It differs from GlassFish's own in this: an object of a session is used if it is the session
 * as it is in the group, whatever cookies the client sends or has lost; and of the requests of one
 * session each saves all that those before it did.
 *
 * @param <T> GlassFish's word for what a session is to a store: SimpleMetadata
 */
@Service
@PerLookup
public class CohortManager<T extends Storeable> extends ReplicationWebEventPersistentManager<T> {
  /** Before the name of an application, so that other servers' sessions are apart in a group. */
  static final String NAME_PREFIX = "glassfish ";

  private static final Logger log = Logger.getLogger(CohortManager.class.getName());

  private final AtomicBoolean failing = new AtomicBoolean();
  private String application = "";
  private volatile CohortStore store;

  /** Called by GlassFish. */
  public CohortManager() {}

  /** Opens the store of the application at this context root; joins the group first. Blocks. */
  @Override
  @SuppressWarnings("unchecked")
  public void createBackingStore(
      String type, String name, Class<T> values, Map<String, Object> vendorSettings) {
    if (values != SimpleMetadata.class) {
      throw new IllegalArgumentException("Cohort of " + name
          + ": set persistenceScope to session (docs/glassfish.md); it is modified-attribute");
    }
    application = name.isEmpty() ? "/" : name;
    Membership.Share share;
    try {
      share = Membership.acquire(Settings.of(System.getProperties()), NAME_PREFIX + application);
    } catch (IllegalArgumentException | CohortException e) {
      log.log(Level.SEVERE, "Cohort of " + application + ": " + e.getMessage());
      throw e;
    }
    store = new CohortStore(share.store(), new Ends(), share::close);
    backingStore = (BackingStore<String, T>) (BackingStore<String, ?>) store;
    log.info("sessions of " + application + " are replicated by Cohort");
  }

  /** No cookie that says which instance has a copy: all have. */
  @Override
  public String getReplicaFromPredictor(String id, String before) {
    return null;
  }

  /** No cookie that says which version a client has seen: the store knows which is the newest. */
  @Override
  public boolean isSessionVersioningSupported() {
    return false;
  }

  @Override
  public Session findSession(String id, String version) throws IOException {
    return findSession(id);
  }

  /**
   * The one object of a session on this instance, if it is the session as it is; else a new one.
   */
  @Override
  public Session findSession(String id) throws IOException {
    if (id == null) return null;
    synchronized (store.lock(id)) {
      Session here = superFindSession(id);
      if (here != null) {
        if (isCurrent(id)) return here;
        removeSessionFromManagerCache(here);
      }
      return super.findSession(id);
    }
  }

  private boolean isCurrent(String id) throws IOException {
    try {
      return store.isCurrent(id);
    } catch (CohortException e) {
      throw new IOException("session cannot be loaded: " + e.getMessage(), e);
    }
  }

  @Override
  public Session createSession(String id) {
    if (id != null) store.begin(id);
    return super.createSession(id);
  }

  @Override
  public void changeSessionId(Session session) {
    String newId = generateSessionId();
    try {
      store.changeId(session.getIdInternal(), newId);
    } catch (BackingStoreException e) {
      tell("the id of a session could not be changed in the group", e);
    }
    session.setId(newId);
  }

  /** At the end of a request, before its answer is finished. */
  @Override
  public void doValveSave(Session session) {
    String id = session.getIdInternal();
    // What a later request did is in the bytes of a later save.
    synchronized (store.lock(id)) {
      try {
        ((ReplicationStore) getStore()).doValveSave(session);
        if (failing.compareAndSet(true, false)) {
          log.info("sessions of " + application + " are replicated again");
        }
      } catch (IOException e) {
        if (e.getCause() instanceof CohortStore.Refused) removeSessionFromManagerCache(session);
        tell("a session could not be saved", e);
      }
    }
  }

  private void tell(String what, Exception why) {
    // Of one cause there may be one for each request.
    Level level = failing.compareAndSet(false, true) ? Level.WARNING : Level.FINE;
    log.log(level,
        ()
            -> application + ": " + what + ": " + why.getMessage()
            + "; not told again until a session is saved");
  }

  private final class Ends implements CohortStore.Ends {
    @Override
    public void onStale(String id) {
      CohortStore opened = store;
      if (opened == null) return; // Told before anything is here.
      synchronized (opened.lock(id)) {
        try {
          Session here = superFindSession(id);
          if (here != null && !opened.isCurrent(id)) removeSessionFromManagerCache(here);
        } catch (IOException | CohortException e) {
          tell("an object of a session that is elsewhere could not be dropped", e);
        }
      }
    }

    @Override
    public void onEnded(String id, SimpleMetadata last) {
      Session session;
      try {
        session = superFindSession(id);
        if (session == null && last != null) {
          session = ((ReplicationStore) getStore()).getSession(last.getState(), last.getVersion());
        }
      } catch (IOException e) {
        tell("a session ended, and its listeners could not be told", e);
        return;
      }
      if (session != null) session.expire();
    }
  }
}

package io.cohort.tomcat;

import io.cohort.CohortException;
import io.cohort.SessionChanges;
import io.cohort.SessionEvent;
import io.cohort.SessionResult;
import io.cohort.SessionStore;
import io.cohort.connector.Counters;
import io.cohort.connector.FailoverRehearsal;
import io.cohort.connector.PendingEnds;
import io.cohort.connector.SaveLock;
import io.cohort.connector.SessionWriter;
import io.cohort.session.AttributeCodec;
import io.cohort.session.AttributePolicy;
import io.cohort.session.ChangeTracker;
import io.cohort.session.CodecLimits;
import io.cohort.session.DecodeResult;
import io.cohort.session.EncodeResult;
import io.cohort.session.Reason;
import io.cohort.session.SessionMetadata;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Supplier;
import org.apache.catalina.Context;
import org.apache.catalina.Lifecycle;
import org.apache.catalina.LifecycleEvent;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.LifecycleListener;
import org.apache.catalina.LifecycleState;
import org.apache.catalina.Server;
import org.apache.catalina.Session;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.core.StandardServer;
import org.apache.catalina.session.StandardSession;
import org.apache.juli.logging.Log;
import org.apache.juli.logging.LogFactory;

/**
 * Replicates the sessions of its context, or keeps them here, and changes between the two while
 * they are used.
 *
 * <p>The sessions are in a {@link SessionStore}, as bytes outside of the heap. Those that are used
 * on this instance are objects as well, one each ({@link CohortSession}), which {@link
 * #findSession} makes. {@link CohortValve} saves what a request did before it is answered. The
 * store outlives a reload of the application; it is closed with the context, or with the server.
 *
 * <p>Tomcat's own methods that list or count sessions are about the objects here; {@link
 * CohortStatus} counts all.
 */
public class CohortManager extends ConfiguredManager {
  // What the JVM has compiled it has for all applications.
  private static final FailoverRehearsal REHEARSAL = new FailoverRehearsal();
  private static final AtomicBoolean advised = new AtomicBoolean();

  private final Log log = LogFactory.getLog(CohortManager.class);
  private final Counters counters = new Counters();
  private final CohortValve valve = new CohortValve(this);
  private final CohortStatus status = new CohortStatus(this);
  private final UserReports users = new UserReports(log);

  // While the application runs.
  private volatile AttributePolicy policy;
  private volatile AttributeCodec codec;
  private volatile String route = "";
  private volatile FailoverRehearsal rehearsal = REHEARSAL;
  private volatile long savePatienceMs = SaveLock.PATIENCE_MS;

  // From the first start on.
  private SharedGroups.Share share;
  private volatile SessionStore store;
  private volatile SessionSaver saver;
  private volatile SessionLoader loader;
  private volatile PendingEnds ends;
  private final SaveWaits waits = new SaveWaits();
  private final LifecycleListener beforeStop = this::finishAnswers;
  private final ToldEnds toldEnds = new ToldEnds();
  private final ThreadLocal<CohortSession> justFound = new ThreadLocal<>();

  @Override
  public String getName() {
    return "CohortManager";
  }

  // ---- Its life ---------------------------------------------------------------------------

  /** Puts the valve into the context, where those that Tomcat adds by itself come after it. */
  @Override
  public void setContext(Context context) {
    boolean isNew = getContext() == null && context != null;
    super.setContext(context);
    if (!isNew) return;
    context.getPipeline().addValve(valve);
    context.addLifecycleListener(beforeStop);
  }

  // While the application is still there for answers that wait.
  private void finishAnswers(LifecycleEvent event) {
    if (Lifecycle.BEFORE_STOP_EVENT.equals(event.getType())) waits.finish();
  }

  @Override
  protected void initInternal() throws LifecycleException {
    super.initInternal();
    register(status, statusName());
  }

  private String statusName() {
    return getObjectNameKeyProperties().replace("type=Manager", "type=Cohort");
  }

  @Override
  protected synchronized void startInternal() throws LifecycleException {
    super.startInternal();
    try {
      route = checkedRoute();
      AttributePolicy newPolicy = new AttributePolicy(
          getApplication(), excludedPatterns(), report -> log.warn(report.words()));
      ClassLoader application = getContext().getLoader().getClassLoader();
      codec = new AttributeCodec(classRules(application), CodecLimits.DEFAULT);
      policy = newPolicy;
      allow(waits);
      waits.allowAsync(!SaveWaits.isListened(getContext()));
      if (!SavingOutput.isPossible()) {
        log.warn(getApplication() + ": this Tomcat sends pages that are larger than their buffer"
            + " before their session is saved; see answeredBeforeSaved");
      }
      if (store == null) {
        openStore();
        adviseToBindLate();
      }
    } catch (IllegalArgumentException | CohortException e) {
      throw new LifecycleException(e.getMessage(), e);
    }
    setState(LifecycleState.STARTING);
  }

  private void adviseToBindLate() {
    if (!store.replicated() || getEngine() == null || getEngine().getService() == null) return;
    for (Connector each : getEngine().getService().findConnectors()) {
      // Null: not set, which means true.
      boolean late = "false".equalsIgnoreCase(String.valueOf(each.getProperty("bindOnInit")));
      if (late || !advised.compareAndSet(false, true)) continue;
      log.info(each + " takes in users while applications are being started, and they wait for"
          + " that; with bindOnInit=\"false\" a balancer sends them to another instance");
    }
  }

  private void openStore() {
    boolean replicated = startsReplicated();
    if (replicated) share = SharedGroups.acquire(groupSettings(), getApplication());
    try {
      SessionStore opened = SessionStore.open(storeOptions(), replicated ? share.group() : null);
      SessionWriter writer =
          new SessionWriter(getApplication(), opened, counters, new TomcatLog(log));
      saver = new SessionSaver(this, opened, writer, counters, users);
      loader = new SessionLoader(this, opened, counters, sessions, true);
      ends = new PendingEnds(opened, new TomcatLog(log));
      store = opened;
      opened.subscribe(new StoreEvents(this), false);
    } finally {
      if (store == null) giveBackGroup();
    }
  }

  @Override
  protected synchronized void stopInternal() throws LifecycleException {
    setState(LifecycleState.STOPPING);
    boolean acknowledged = true;
    for (Session each : findSessions()) {
      CohortSession session = (CohortSession) each;
      try {
        try (SaveLock.Held held = session.saveLock.hold()) {
          session.retire();
          // A group that does not answer is not waited for once more for each session.
          if (acknowledged && session.isTouched()) {
            acknowledged = saver.save(session) != Saved.UNACKNOWLEDGED;
          }
        }
        session.passivate();
      } catch (RuntimeException | LinkageError e) {
        log.error("what was done to a session since it was saved is lost with this stop", e);
      }
    }
    // They hold classes of the application.
    sessions.clear();
    codec = null;
    policy = null;
    if (isServerStopping()) closeStore();
    super.stopInternal();
  }

  // Else it is the application that stops, perhaps to be started again.
  private boolean isServerStopping() {
    Server server = getEngine() == null || getEngine().getService() == null
        ? null
        : getEngine().getService().getServer();
    return !(server instanceof StandardServer) || !server.getState().isAvailable();
  }

  @Override
  protected synchronized void destroyInternal() throws LifecycleException {
    closeStore();
    unregister(statusName());
    getContext().getPipeline().removeValve(valve);
    getContext().removeLifecycleListener(beforeStop);
    super.destroyInternal();
  }

  private void closeStore() {
    if (store == null) return;
    store.close();
    store = null;
    giveBackGroup();
  }

  private void giveBackGroup() {
    if (share == null) return;
    share.close();
    share = null;
  }

  /** Are there sessions? */
  boolean isReady() {
    return store != null && getState().isAvailable();
  }

  /** What is in a store needs no loading. */
  @Override
  public void load() {}

  /** What is in a store needs no unloading. */
  @Override
  public void unload() {}

  /**
   * Nothing expires here but what is not in the store: the store's owner of a session ends it. What
   * failed is tried again.
   */
  @Override
  public void processExpires() {
    if (!isReady()) return;
    ends.retry();
    for (Session each : findSessions()) {
      CohortSession session = (CohortSession) each;
      if (!session.isStored() && !session.isValid()) {
        session.expire(true);
      } else if (session.isTouched()) {
        if (saver.save(session) == Saved.UNACKNOWLEDGED) return;
      } else if (getSessionActivityCheck() && session.isBusy()) {
        saver.touch(session);
      }
    }
  }

  /** Also rehearses failovers, until there is no need to. */
  @Override
  public void backgroundProcess() {
    super.backgroundProcess();
    SessionStore open = store;
    if (open == null || !isReady() || rehearsal.isOver()) return;
    try {
      if (open.replicated()) new Rehearsal(this, users).run(rehearsal);
    } catch (IllegalStateException e) {
      log.debug("the store was closed meanwhile", e);
    }
  }

  /** Of the sessions that are made from now on: how long a request waits for another one's save. */
  void setSavePatienceMs(long value) {
    savePatienceMs = value;
  }

  long savePatienceMs() {
    return savePatienceMs;
  }

  /** In place of that of the JVM. */
  void rehearseWith(FailoverRehearsal value) {
    rehearsal = value;
  }

  // ---- Sessions ---------------------------------------------------------------------------

  @Override
  public Session createSession(String id) {
    String storeId = SessionIds.ofStore(id);
    return super.createSession(storeId == null ? null : shownId(storeId));
  }

  @Override
  protected StandardSession getNewSession() {
    AttributeCodec running = codec;
    if (running == null) throw new IllegalStateException("the application is not running");
    return new CohortSession(this, new ChangeTracker(running, policy, isDetectChanges()));
  }

  /**
   * The session of this id, whatever its route says: the object that is here, or a new one of what
   * the store has. Also null if the group cannot say whether there is one: Tomcat asks where an
   * exception would be an empty answer. {@link CohortValve} asks first, and answers 503.
   */
  @Override
  public Session findSession(String id) {
    CohortSession found = justFound.get();
    if (found != null && isStillFound(found, id)) return found;
    try {
      return findOrThrow(id);
    } catch (IOException e) {
      log.debug(getApplication() + ": a session is not found: " + e.getMessage());
      return null;
    }
  }

  /**
   * Calls with {@code found}, which this thread has just got from {@link #findOrThrow}: the store
   * is not asked for it once more.
   */
  <T> T whileFound(CohortSession found, Supplier<T> call) {
    justFound.set(found);
    try {
      return call.get();
    } finally {
      // Threads outlive the application.
      justFound.remove();
    }
  }

  private boolean isStillFound(CohortSession found, String id) {
    String storeId = SessionIds.ofStore(id);
    return storeId != null && sessions.get(storeId) == found && found.standing().isTrusted();
  }

  /**
   * The same.
   *
   * @throws IOException if the group cannot say whether there is one
   */
  CohortSession findOrThrow(String id) throws IOException {
    String storeId = SessionIds.ofStore(id);
    if (storeId == null || !isReady() || ends.contains(storeId)) return null;
    try {
      return loader.find(storeId, id);
    } catch (CohortException | UncheckedIOException e) {
      throw new IOException(e.getMessage(), e);
    }
  }

  @Override
  public void add(Session session) {
    // Its id was changed by a request of the application before.
    if (session instanceof CohortSession ours && ours.isRetired()) return;
    sessions.put(storeId(session), session);
    setMaxActive(Math.max(getMaxActive(), sessions.size()));
  }

  @Override
  public void remove(Session session, boolean update) {
    super.remove(session, update);
    String storeId = storeId(session);
    sessions.remove(storeId, session);
    if (!update || !(session instanceof CohortSession ours) || ours.isEnded()) return;
    try (SaveLock.Held held = ours.saveLock.holdSoon()) {
      if (ours.isEnded() || store == null) return;
      ours.markEnded(held == null);
      endInStore(ours);
    }
  }

  @Override
  protected void changeSessionId(Session session, String newId, boolean notifySessionListeners,
      boolean notifyContainerListeners) {
    CohortSession ours = (CohortSession) session;
    String oldId = ours.getIdInternal();
    try (SaveLock.Held held = ours.saveLock.holdSoon()) {
      if (held == null) {
        throw new IllegalStateException("the session's id cannot be changed now, because another"
            + " request of it is being saved; try again");
      }
      if (ours.isStored()) changeIdInStore(ours, SessionIds.ofStore(newId));
      ours.setId(newId, false);
    }
    ours.tellChangedSessionId(newId, oldId, notifySessionListeners, notifyContainerListeners);
  }

  private void changeIdInStore(CohortSession session, String newStoreId) {
    String oldStoreId = storeId(session);
    int doubts = session.standing().doubts();
    // A change of id asks for no fence: an older object would get that of the newer session.
    SessionResult result =
        store.save(oldStoreId, new SessionChanges().noTouch().fence(session.standing().fence()));
    if (result.ok()) result = store.changeId(oldStoreId, newStoreId);
    switch (result.status()) {
      case OK -> session.standing().onStored(result.version(), result.fence(), doubts);
      case NOT_FOUND, ABORTED, ALREADY_EXISTS -> {
        saver.markStale(session, result);
        throw new IllegalStateException("the session's id cannot be changed, because another"
            + " instance has ended or changed it: " + result.text());
      }
      default -> {
        // Who logs in must get a new id now, also where the group cannot be asked.
        counters.unacknowledged.increment();
        ends.remember(oldStoreId, false);
        session.onNotStored();
      }
    }
  }

  String storeId(Session session) {
    return SessionIds.ofStore(session.getIdInternal());
  }

  /** The id that this instance gives to the session. */
  String shownId(String storeId) {
    return SessionIds.withRoute(storeId, route);
  }

  /** Are sessions in a group? */
  boolean isReplicated() {
    SessionStore open = store;
    return open != null && open.replicated();
  }

  /** Null: not started yet. */
  SessionSaver saver() {
    return saver;
  }

  /** Which requests wait for their saves, and how. */
  SaveWaits waits() {
    return waits;
  }

  /** Another instance has changed the id. */
  void follow(CohortSession session, String newStoreId) {
    sessions.remove(storeId(session), session);
    session.rename(shownId(newStoreId));
    sessions.putIfAbsent(newStoreId, session);
  }

  // ---- What the store tells ---------------------------------------------------------------

  /** The next request looks at the store; requests that are under way go on with the object. */
  void dropStale(CohortSession session) {
    sessions.remove(storeId(session), session);
  }

  /** Also once more, where a save has created it while it was ended. */
  void endInStore(CohortSession session) {
    String storeId = storeId(session);
    if (ends.end(storeId) == PendingEnds.Outcome.WAS_ENDED) toldEnds.add(storeId);
  }

  /** A save may have. */
  void endLater(CohortSession session) {
    ends.remember(storeId(session), false);
  }

  void dropEnded(CohortSession session) {
    dropStale(session);
    session.endElsewhere();
  }

  void dropEnded(String storeId) {
    if (sessions.get(storeId) instanceof CohortSession local) dropEnded(local);
  }

  /** Before the object is used again, the store is asked for its version. */
  void doubt(String storeId) {
    if (sessions.get(storeId) instanceof CohortSession local) local.standing().doubt();
  }

  /** Another instance goes on with the session: an object that nobody uses is only in the way. */
  void letGo(String storeId) {
    if (!(sessions.get(storeId) instanceof CohortSession local)) return;
    local.standing().move();
    letGoUnused(local);
  }

  /** Of such a session a request has ended. */
  void letGoUnused(CohortSession session) {
    if (!session.isBusy() && !session.isTouched()) sessions.remove(storeId(session), session);
  }

  void doubtAll() {
    for (Session each : findSessions()) ((CohortSession) each).standing().doubt();
  }

  /** This instance's store has ended it, so its listeners are told here, and only here. */
  void endHere(SessionEvent event) {
    CohortSession local = (CohortSession) sessions.remove(event.id());
    if (toldEnds.remove(event.id())) return;
    if (!isReady()) {
      counters.endedUntold.increment();
      return;
    }
    ended(event, local).endHere();
    counters.endedHere.increment();
  }

  // An object of which is not known whether it is the last is no better than what the store had. Of
  // a session whose contents had no room in the event, listeners still have to know the end.
  private CohortSession ended(SessionEvent event, CohortSession local) {
    if (local != null && (local.standing().isTrusted() || event.session() == null)) return local;
    if (local != null) local.endElsewhere();
    return event.session() == null ? loader.restoreNothing(event.id(), event.atMs())
                                   : loader.restore(event.id(), event.session());
  }

  // ---- Attributes -------------------------------------------------------------------------

  /** The attribute, or null if it cannot be read, which is reported. */
  Object decode(String name, byte[] bytes) {
    DecodeResult result = codec.decode(bytes);
    if (result instanceof DecodeResult.Decoded decoded) return decoded.value();
    policy.dropped(name, (DecodeResult.Dropped) result);
    return null;
  }

  /** Of the application that runs; null: none. */
  AttributeCodec codec() {
    return codec;
  }

  /** Puts into the session what its metadata has; its user may be one who cannot be read here. */
  void restore(SessionMetadata metadata, CohortSession session) {
    try {
      TomcatMetadata.restore(metadata, session, codec);
    } catch (IllegalArgumentException e) {
      users.notTaken(getApplication(), e.getMessage());
    }
  }

  void reportLongName(String name, Object value) {
    policy.keptLocal(name,
        new EncodeResult.Refused(Reason.BAD_NAME, value.getClass().getName(),
            "more than " + CohortSession.NAME_BYTES_MAX + " bytes"));
  }

  /** The store had no room for an attribute. */
  void refusedAttribute(SessionEvent event) {
    AttributePolicy running = policy;
    if (running == null) return;
    running.keptLocal(
        event.attribute(), new EncodeResult.Refused(Reason.TOO_LARGE, "", event.text()));
  }

  long keptLocal(Reason reason) {
    AttributePolicy running = policy;
    return running == null ? 0 : running.count(reason);
  }

  /** Calls with the application's class loader. */
  void inApplication(Runnable call) {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    thread.setContextClassLoader(getContext().getLoader().getClassLoader());
    try {
      call.run();
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  // ---- Replication on and off -------------------------------------------------------------

  /** Begins it, and returns the number of the task. What is wrong is an IllegalStateException. */
  synchronized long switchReplication(boolean on) {
    if (store == null) throw new IllegalStateException("the manager is not started");
    try {
      if (on && share == null) share = SharedGroups.acquire(groupSettings(), getApplication());
      return store.setReplication(on ? share.group() : null);
    } catch (CohortException | IllegalArgumentException e) {
      // Without the cause, whose class those who ask by JMX do not have.
      throw new IllegalStateException(e.getMessage());
    }
  }

  Counters counters() {
    return counters;
  }

  /** Null: not open. */
  SessionStore store() {
    return store;
  }

  int pendingEnds() {
    PendingEnds open = ends;
    return open == null ? 0 : open.size();
  }
}

package io.cohort.jetty;

import io.cohort.CohortException;
import io.cohort.Group;
import io.cohort.Session;
import io.cohort.SessionEvent;
import io.cohort.SessionListener;
import io.cohort.SessionResult;
import io.cohort.SessionStore;
import io.cohort.Status;
import io.cohort.connector.AnswerWaits;
import io.cohort.connector.Counters;
import io.cohort.connector.FailoverRehearsal;
import io.cohort.connector.PendingEnds;
import io.cohort.connector.SaveLock;
import io.cohort.connector.ServerLog;
import io.cohort.connector.SessionReader;
import io.cohort.connector.SessionWriter;
import io.cohort.connector.SessionWriter.Written;
import io.cohort.session.AttributeCodec;
import io.cohort.session.AttributePolicy;
import io.cohort.session.ChangeTracker;
import io.cohort.session.CodecLimits;
import io.cohort.session.DecodeResult;
import io.cohort.session.EncodeResult;
import io.cohort.session.Reason;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.eclipse.jetty.session.AbstractSessionDataStore;
import org.eclipse.jetty.session.SessionData;
import org.eclipse.jetty.util.annotation.ManagedAttribute;
import org.eclipse.jetty.util.annotation.ManagedObject;
import org.eclipse.jetty.util.annotation.ManagedOperation;
import org.eclipse.jetty.util.annotation.Name;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sessions of one context, in the group or of this process alone. What is here is bytes; the
 * objects of those that are used are in the {@link CohortSessionCache}. When a session expires is
 * the store's business, so that all instances agree: Jetty's own scavenging finds nothing to do.
 */
@ManagedObject("sessions that Cohort replicates")
public final class CohortSessionDataStore extends AbstractSessionDataStore {
  private static final Logger log = LoggerFactory.getLogger(CohortSessionDataStore.class);

  // What the JVM has compiled it has for all applications.
  private static final FailoverRehearsal REHEARSAL = new FailoverRehearsal();

  private final CohortSessionDataStoreFactory factory;
  private final JettyUsers users;
  private final ServerLog lines = new JettyLog(log);
  private final Counters counters = new Counters();
  private volatile CohortSessionCache cache;

  // While the context runs.
  private String application;
  private AttributePolicy policy;
  private AttributeCodec codec;
  private volatile SessionStore store;
  private PendingEnds ends;
  private SessionSaver saver;
  private volatile AnswerWaits waits = new AnswerWaits();
  private volatile FailoverRehearsal rehearsal = REHEARSAL;
  private volatile long savePatienceMs = SaveLock.PATIENCE_MS;
  private long rehearsed;

  /** {@code users} may be null. */
  CohortSessionDataStore(CohortSessionDataStoreFactory factory, JettyUsers users) {
    this.factory = factory;
    this.users = users;
  }

  void setCache(CohortSessionCache value) {
    cache = value;
  }

  Counters counters() {
    return counters;
  }

  /** While the context does not run, no answer may wait without a thread. */
  AnswerWaits waits() {
    return waits;
  }

  // ---- Its life ---------------------------------------------------------------------------

  @Override
  protected void doStart() throws Exception {
    if (cache == null) {
      throw new IllegalStateException("CohortSessionDataStoreFactory needs a"
          + " CohortSessionCacheFactory beside it (the module session-store-cohort adds both)");
    }
    super.doStart();
    String path = _context.getContext().getContextPath();
    application = path == null || path.isEmpty() ? "/" : path;
    policy = new AttributePolicy(
        application, factory.excludedPatterns(), report -> log.warn(report.words()));
    ClassLoader loader = Thread.currentThread().getContextClassLoader();
    codec = new AttributeCodec(
        factory.classRules(loader == null ? getClass().getClassLoader() : loader),
        CodecLimits.DEFAULT);
    Group group = factory.startsReplicated() ? join() : null;
    SessionStore opened = SessionStore.open(factory.storeOptions(application), group);
    ends = new PendingEnds(opened, lines);
    SessionWriter writer = new SessionWriter(application, opened, counters, lines);
    saver = new SessionSaver(opened, writer, policy, ends, counters);
    waits = factory.newWaits();
    store = opened;
    opened.subscribe(new Events(), false);
  }

  private Group join() {
    return factory.join(_context.getSessionManager(), _context.getWorkerName());
  }

  @Override
  protected void doStop() throws Exception {
    super.doStop();
    SessionStore open = store;
    store = null;
    if (open != null) open.close();
  }

  // ---- Sessions, as Jetty asks for them ---------------------------------------------------

  @Override
  public SessionData newSessionData(
      String id, long created, long accessed, long lastAccessed, long maxInactiveMs) {
    return new CohortSessionData(newTracker(policy), new SaveLock(savePatienceMs), users, id,
        _context.getCanonicalContextPath(), _context.getVhost(), created, maxInactiveMs);
  }

  @Override
  public SessionData doLoad(String id) {
    Session there = SessionReader.load(store, id);
    return there == null ? null : restore(there);
  }

  /** The session as an object; attributes that cannot be read are left out, which is reported. */
  CohortSessionData restore(Session from) {
    return restore(from, policy);
  }

  private CohortSessionData restore(Session from, AttributePolicy by) {
    CohortSessionData data = new CohortSessionData(newTracker(by), new SaveLock(savePatienceMs),
        users, _context.getCanonicalContextPath(), _context.getVhost(), from);
    from.attributes().forEach((name, bytes) -> {
      DecodeResult result = codec.decode(bytes);
      if (result instanceof DecodeResult.Dropped dropped) {
        by.dropped(name, dropped);
        data.restoreUnread(name, bytes);
      } else {
        Object value = ((DecodeResult.Decoded) result).value();
        if (value != null) data.restore(name, value, bytes);
      }
    });
    data.restoreLogin();
    return data;
  }

  private ChangeTracker newTracker(AttributePolicy by) {
    return new ChangeTracker(codec, by, factory.detectsChanges());
  }

  @Override
  public void doStore(String id, SessionData data, long lastSaveTime) {
    saver.save((CohortSessionData) data);
  }

  /** As {@link #store}, and {@link SessionSaver#saveOrLeave}. */
  boolean storeOrLeave(CohortSessionData data, SaveLock.Held held, Consumer<Written> later) {
    data.setLastSaved(System.currentTimeMillis());
    boolean left = saver.saveOrLeave(data, held, later);
    data.clean();
    return left;
  }

  /** As {@link SessionSaver#isUnchangedBesideSave}. */
  boolean isUnchangedBesideSave(CohortSessionData data, boolean others) {
    return saver.isUnchangedBesideSave(data, others);
  }

  @Override
  public boolean doExists(String id) {
    return isThere(id);
  }

  @Override
  public boolean delete(String id) {
    return ends.end(id) == PendingEnds.Outcome.ENDED;
  }

  /** Attributes are encoded in each save, of which those that want to know it are told. */
  @Override
  public boolean isPassivating() {
    return true;
  }

  /** None: the store itself ends what was not used. */
  @Override
  public Set<String> doCheckExpired(Set<String> candidates, long time) {
    ends.retry();
    return Set.of();
  }

  /** As {@link #doCheckExpired}. */
  @Override
  public Set<String> doGetExpired(long before) {
    return Set.of();
  }

  /** As {@link #doCheckExpired}. */
  @Override
  public void doCleanOrphans(long time) {}

  // ---- Sessions, as the cache asks for them -----------------------------------------------

  Session find(String id) {
    return SessionReader.load(store, id);
  }

  boolean isOwner(String id) {
    return store.isOwner(id);
  }

  boolean isThere(String id) {
    return store.exists(id);
  }

  boolean touch(String id) {
    return store.touch(id);
  }

  /** The same, if that is news. */
  boolean use(CohortSessionData data, long nowMs) {
    if (data.standing().isUseTold(nowMs, data.getMaxInactiveMs())) return true;
    if (!store.touch(data.getId())) return false;
    data.standing().onUseTold(nowMs);
    return true;
  }

  /** Some rounds: it is not the only one that waits for this thread. False: none are left. */
  boolean rehearse() {
    SessionStore open = store;
    if (open == null || rehearsal.isOver()) return false;
    try {
      if (!open.replicated()) return false;
    } catch (RuntimeException e) {
      log.debug("the store was closed meanwhile", e);
      return false;
    }
    rehearsal.run(FailoverRehearsal.ROUNDS_AT_ONCE, codec, lines, this::takeOver);
    return !rehearsal.isOver();
  }

  /** Of the sessions that are made from now on: how long a request waits for another one's save. */
  void setSavePatienceMs(long value) {
    savePatienceMs = value;
  }

  /** In place of that of the JVM. */
  void rehearseWith(FailoverRehearsal value) {
    rehearsal = value;
  }

  // Up to the data of the session, of which Jetty's cache would make an object, and on from there.
  // With counters, reports and a log that nobody looks at.
  private boolean takeOver(SessionStore from) {
    ServerLog unseen = lines.quiet();
    Counters uncounted = new Counters();
    AttributePolicy unreported = new AttributePolicy(application, List.of(), report -> {});
    CohortSessionData data = restore(SessionReader.load(from, FailoverRehearsal.ID), unreported);
    if (store == null) return false;
    data.setAttribute(FailoverRehearsal.ID, ++rehearsed);
    data.setUnderWay(false);
    SessionWriter writer = new SessionWriter(application, from, uncounted, unseen);
    new SessionSaver(from, writer, unreported, new PendingEnds(from, unseen), uncounted).save(data);
    if (data.hasUnsent()) throw new IllegalStateException("it could not be saved");
    return true;
  }

  /** The context stops: one write that is not acknowledged is enough. */
  void beginStop() {
    // What did not start has none.
    if (saver != null) saver.beginStop();
  }

  SessionResult changeId(String oldId, String newId) {
    return store.changeId(oldId, newId);
  }

  /** It is to be ended, but the group could not yet. */
  boolean isEnding(String id) {
    return ends.contains(id);
  }

  /** Nobody is to come in by this id; the session goes on under another one. */
  void endLater(String id) {
    ends.remember(id, false);
  }

  // ---- For operators, by JMX --------------------------------------------------------------

  /** As the group knows it; a Tomcat with the same context path has the same sessions. */
  @ManagedAttribute(value = "name of the application in the group", readonly = true)
  public String getApplication() {
    return application;
  }

  /** What was wanted last. */
  @ManagedAttribute(value = "whether sessions are replicated", readonly = true)
  public boolean isReplicated() {
    return store.replicated();
  }

  /** Of all instances, whether they are used here or not. */
  @ManagedAttribute(value = "sessions in the store", readonly = true)
  public long getSessionCount() {
    return store.stats().sessions();
  }

  /**
   * Instances with equal ones hold the same sessions. Empty: the sessions are of this instance
   * alone, or it has not got all yet.
   */
  @ManagedAttribute(value = "digest of all sessions, 32 hexadecimal digits", readonly = true)
  public String getDigest() {
    try {
      return store.digest().hex();
    } catch (CohortException e) {
      if (e.status() == Status.FAILED_PRECONDITION || e.status() == Status.UNAVAILABLE) return "";
      throw e;
    }
  }

  /** Objects that were made of what the store had, as after a failover. */
  @ManagedAttribute(value = "sessions taken from the store", readonly = true)
  public long getLoaded() {
    return counters.loaded.sum();
  }

  /** Changes that were refused because another instance had a newer session. */
  @ManagedAttribute(value = "requests whose changes were refused", readonly = true)
  public long getConflicts() {
    return counters.conflicts.sum();
  }

  /** Writes that were not acknowledged; they are sent again. */
  @ManagedAttribute(value = "writes that were not acknowledged", readonly = true)
  public long getUnacknowledged() {
    return counters.unacknowledged.sum();
  }

  /** Changes that were made, or could be sent, only after the answer had gone out. */
  @ManagedAttribute(value = "saves after the answer", readonly = true)
  public long getAnsweredBeforeSaved() {
    return counters.answeredBeforeSaved.sum();
  }

  /** Answers that waited for their save, and no thread with them. */
  @ManagedAttribute(value = "answers that waited without a thread", readonly = true)
  public long getAsyncAnswers() {
    return counters.asyncAnswers.sum();
  }

  /** Attributes that stay on this instance because they cannot be serialized; each save counts. */
  @ManagedAttribute(value = "attributes that cannot be serialized", readonly = true)
  public long getNotSerializable() {
    return policy.count(Reason.NOT_SERIALIZABLE);
  }

  /** How often an attribute was not replicated, or not taken over, for each reason; a line each. */
  @ManagedAttribute(value = "attributes that stay here, or were not read", readonly = true)
  public List<String> getLocalAttributes() {
    return Stream.of(Reason.values())
        .filter(reason -> policy.count(reason) > 0)
        .map(reason -> reason + " " + policy.count(reason))
        .toList();
  }

  /** Times that a request was refused because the group could not say what its session holds. */
  @ManagedAttribute(value = "refused requests", readonly = true)
  public long getRefusedRequests() {
    return counters.refusedRequests.sum();
  }

  /** Begins it while sessions are used, and returns the number of the task. */
  @ManagedOperation(value = "switches replication on or off", impact = "ACTION")
  public long switchReplication(@Name("on") boolean on) {
    return store.setReplication(on ? join() : null);
  }

  SessionStore sessions() {
    return store;
  }

  // ---- What the store tells ---------------------------------------------------------------

  /** For the objects that are here. On the thread "cohort-notices". */
  private final class Events implements SessionListener {
    @Override
    public void onEvent(SessionEvent event) {
      switch (event.kind()) {
        case EXPIRED, EVICTED -> {
          if (event.here()) {
            cache.endHere(event);
          } else {
            cache.dropEnded(event.id());
          }
        }
        // That of this instance was told by the session's own invalidate().
        case INVALIDATED, WITHDRAWN -> {
          if (!event.here()) cache.dropEnded(event.id());
        }
        case MOVED, ID_CHANGED -> {
          if (!event.here()) cache.letGo(event.id());
        }
        case CONFLICT -> cache.doubt(event.id());
        case REFUSED_ATTRIBUTE ->
          policy.keptLocal(
              event.attribute(), new EncodeResult.Refused(Reason.TOO_LARGE, "", event.text()));
        case CREATED, CHANGED, OTHER -> {
        }
      }
    }

    @Override
    public void onLost(long count) {
      counters.eventsLost.add(count);
      cache.doubtAll();
    }
  }
}

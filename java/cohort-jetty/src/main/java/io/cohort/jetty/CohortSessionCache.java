package io.cohort.jetty;

import io.cohort.CohortException;
import io.cohort.Session;
import io.cohort.SessionEvent;
import io.cohort.SessionResult;
import io.cohort.connector.AnswerWaits;
import io.cohort.connector.LateWork;
import io.cohort.connector.SaveLock;
import io.cohort.connector.SessionWriter.Written;
import io.cohort.connector.Standing;
import io.cohort.jetty.CohortSessionData.Dropped;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.eclipse.jetty.session.AbstractSessionManager;
import org.eclipse.jetty.session.DefaultSessionCache;
import org.eclipse.jetty.session.ManagedSession;
import org.eclipse.jetty.session.SessionData;
import org.eclipse.jetty.session.SessionDataStore;
import org.eclipse.jetty.session.SessionManager;
import org.eclipse.jetty.util.thread.AutoLock;
import org.eclipse.jetty.util.thread.Scheduler;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The objects of the sessions that are used on this instance, one each, so that parallel requests
 * of a session change the same one. An object is used as it is only while the session belongs to
 * this instance; otherwise the store is asked first whether it has a newer one.
 *
 * <p>A session is saved before its answer begins. Any threads.
 */
public final class CohortSessionCache extends DefaultSessionCache {
  /**
   * How often the store is told of sessions that requests have, so that none ends under a long one.
   * It passes on at most one in a tenth of the session's time.
   */
  static final long USE_PERIOD_MS = 1000;

  // The compiler is to have done with what one part has offered it when the next one comes.
  private static final long REHEARSAL_PAUSE_MS = 50;

  private static final Logger log = LoggerFactory.getLogger(CohortSessionCache.class);

  private final ConcurrentMap<String, ManagedSession> objects;
  private volatile CohortSessionDataStore store;
  private volatile Scheduler.Task nextUse;
  private final AtomicBoolean rehearses = new AtomicBoolean();

  /** For one context; it starts only with a {@link CohortSessionDataStore}. */
  public CohortSessionCache(SessionManager manager) {
    this(manager, new ConcurrentHashMap<>());
  }

  private CohortSessionCache(SessionManager manager, ConcurrentMap<String, ManagedSession> map) {
    super(manager, map);
    objects = map;
    _flushOnResponseCommit = true;
  }

  /** Always: a user must not be told of what is not safe yet. */
  @Override
  public void setFlushOnResponseCommit(boolean value) {}

  @Override
  public void setSessionDataStore(SessionDataStore value) {
    if (!(value instanceof CohortSessionDataStore ours)) {
      throw new IllegalArgumentException(
          "CohortSessionCacheFactory needs a CohortSessionDataStoreFactory beside it");
    }
    super.setSessionDataStore(value);
    store = ours;
    ours.setCache(this);
  }

  @Override
  public ManagedSession newSession(SessionData data) {
    return new CohortManagedSession(getSessionManager(), (CohortSessionData) data);
  }

  // ---- Its life ---------------------------------------------------------------------------

  @Override
  protected void doStart() throws Exception {
    super.doStart();
    scheduleUse();
  }

  @Override
  protected void doStop() throws Exception {
    Scheduler.Task last = nextUse;
    nextUse = null;
    if (last != null) last.cancel();
    super.doStop();
  }

  private void scheduleUse() {
    nextUse = scheduler().schedule(this::tellUse, USE_PERIOD_MS, TimeUnit.MILLISECONDS);
  }

  // On the server's scheduler: without a lock, and without waiting for the group.
  private void tellUse() {
    try {
      for (ManagedSession each : objects.values()) {
        CohortManagedSession session = (CohortManagedSession) each;
        if (session.isInUse() && session.data().isCurrent()) store.touch(session.data().getId());
      }
    } catch (RuntimeException e) {
      log.debug("the store was not told of sessions in use", e);
    } finally {
      if (nextUse != null) scheduleUse();
    }
    if (!rehearses.getAndSet(true)) rehearse();
  }

  // On the server's scheduler, which others wait for, too.
  private void rehearse() {
    boolean goesOn = false;
    try {
      goesOn = nextUse != null && store.rehearse();
      if (goesOn) {
        scheduler().schedule(this::rehearse, REHEARSAL_PAUSE_MS, TimeUnit.MILLISECONDS);
      }
    } finally {
      if (!goesOn) rehearses.set(false);
    }
  }

  private Scheduler scheduler() {
    return ((AbstractSessionManager) getSessionManager()).getServer().getScheduler();
  }

  /** What one cannot be saved for, the others are not to wait for. */
  @Override
  public void shutdown() {
    store.waits().finish();
    store.beginStop();
    List<ManagedSession> before = List.copyOf(objects.values());
    super.shutdown();
    // What requests still do to these objects is lost: each of them is told so.
    for (ManagedSession each : before) {
      CohortManagedSession session = (CohortManagedSession) each;
      try (SaveLock.Held held = session.data().saveLock().hold()) {
        session.data().retire();
        // A request that ended meanwhile has put it back.
        objects.remove(session.getId(), session);
      }
    }
  }

  // ---- Finding a session ------------------------------------------------------------------

  @Override
  protected ManagedSession getAndEnter(String id, boolean enter) throws Exception {
    ManagedSession before = doGet(id);
    // To be deleted, whatever it holds.
    if (!enter && before != null) return super.getAndEnter(id, false);
    if (before == null && store.isEnding(id)) return null;
    try {
      // Who changes its id has just done so, and cannot turn back.
      if (before instanceof CohortManagedSession local && !local.isRenewing()) verify(local);
      ManagedSession session = super.getAndEnter(id, enter);
      return session == null ? null : activated((CohortManagedSession) session, enter);
    } catch (Exception e) {
      // Jetty wraps what loading throws.
      for (Throwable each = e; each != null; each = each.getCause()) {
        if (each instanceof CohortException) throw unavailable(e);
      }
      throw e;
    }
  }

  private void verify(CohortManagedSession local) {
    // A save that is under way changes the version.
    if (!isHere(local.data())) {
      try (SaveLock.Held held = local.data().saveLock().holdSoon()) {
        if (held == null) throw unavailable(new IOException("a save of it takes too long"));
        askVersion(local);
      }
    }
    try (AutoLock lock = local.lock()) {
      if (local.data().isCurrent()) use(local);
    }
  }

  // That another instance has it may be known to the store before it is told.
  private boolean isHere(CohortSessionData data) {
    return data.standing().isTrusted() && (!data.isStored() || store.isOwner(data.getId()));
  }

  private void askVersion(CohortManagedSession local) {
    CohortSessionData data = local.data();
    if (data.dropped() != Dropped.NO || isHere(data)) return;
    Standing standing = data.standing();
    int doubts = standing.doubts();
    Session there = store.find(data.getId());
    if (there == null || !standing.isEqualTo(there)) {
      drop(local, there == null ? Dropped.ENDED : Dropped.STALE);
      return;
    }
    try (AutoLock lock = local.lock()) {
      data.setAccessed(Math.max(data.getAccessed(), there.lastAccessedMs()));
    }
    standing.trust(there.owned(), doubts);
  }

  // The store hears of a request when it begins, and says whether the session is over: what is
  // known here of its time does not count, as it may be used elsewhere.
  private boolean use(CohortManagedSession session) {
    CohortSessionData data = session.data();
    long now = System.currentTimeMillis();
    try {
      if (!store.use(data, now)) {
        drop(session, Dropped.ENDED);
        return false;
      }
    } catch (CohortException e) {
      if (data.isExpiredAt(now)) throw e;
      return true;
    }
    data.calcAndSetExpiry(now);
    return true;
  }

  // No request goes on with one whose listeners have not been told yet that it has come.
  private ManagedSession activated(CohortManagedSession session, boolean entered) {
    CohortSessionData data = session.data();
    if (!data.isToActivate()) return session;
    try (AutoLock lock = session.lock()) {
      if (!data.isToActivate()) return session;
      // If it ended meanwhile, that was told before it was here to be dropped.
      if (data.dropped() == Dropped.ENDED) return null;
      if (entered && !use(session)) return null;
      if (!entered && !store.isThere(session.getId())) {
        drop(session, Dropped.ENDED);
        return null;
      }
      store.counters().loaded.increment();
      session.activate();
      data.onActivated();
    }
    return session;
  }

  /**
   * Before its id is changed: the user would get a new one that is nobody's.
   *
   * @throws IllegalStateException if another instance has a newer one, or it has ended
   */
  void requireNewest(CohortManagedSession session) {
    try {
      if (session.data().isStored()) verify(session);
    } catch (CohortException e) {
      throw unavailable(e);
    }
    session.data().requireNewest();
  }

  private SessionsUnavailable unavailable(Exception why) {
    store.counters().refusedRequests.increment();
    return new SessionsUnavailable(why);
  }

  /** One that is not the session any more does not come back when its last request ends. */
  @Override
  public org.eclipse.jetty.server.Session doPutIfAbsent(String id, ManagedSession session) {
    if (((CohortManagedSession) session).data().dropped() != Dropped.NO) return session;
    return super.doPutIfAbsent(id, session);
  }

  private void drop(CohortManagedSession session, Dropped why) {
    try (AutoLock lock = session.lock()) {
      session.data().drop(why);
      if (objects.get(session.getId()) == session) doDelete(session.getId());
      session.forget();
    }
  }

  /** A save that is under way may be creating it. */
  @Override
  public ManagedSession delete(String id) throws Exception {
    if (!(doGet(id) instanceof CohortManagedSession local)) return super.delete(id);
    try (SaveLock.Held held = local.data().saveLock().holdSoon()) {
      if (held == null) local.data().endBesideSave();
      return super.delete(id);
    }
  }

  // ---- What requests do -------------------------------------------------------------------

  @Override
  public void commit(ManagedSession session) throws Exception {
    if (!(session instanceof CohortManagedSession ours)) return;
    try (SaveLock.Held held = ours.data().saveLock().holdSoon()) {
      if (held == null) {
        if (ours.data().isRefused()) AnswerStream.refuse();
        log.warn("an answer goes before its save: another save of its session takes too long");
        return;
      }
      // Not isValid(): it is not, while a parallel request changes its id.
      if (session.isInvalidOrInvalidating()) return;
      CohortSessionData data = ours.data();
      if (data.isRefused()) store.counters().conflicts.increment();
      try {
        if (data.isDirty() && saveOrLeave(ours, held)) return;
      } catch (Exception | Error e) {
        AnswerStream.refuse(); // Jetty reports it, and would answer all the same.
        throw e;
      }
      forgetIfDropped(ours);
      if (data.isRefused()) AnswerStream.refuse();
    }
  }

  private void save(CohortManagedSession session) throws Exception {
    session.onSessionPassivation();
    store.store(session.getId(), session.data());
    session.onSessionActivation();
  }

  // True: it is left to the answer.
  private boolean saveOrLeave(CohortManagedSession session, SaveLock.Held held) throws Exception {
    AnswerWaits waits = store.waits();
    if (waits.mayLeave() && AnswerStream.mayLeave()) {
      if (!waits.takeThread()) return leave(session, held);
      try {
        save(session);
      } finally {
        waits.giveThreadBack();
      }
    } else {
      save(session);
    }
    return false;
  }

  private boolean leave(CohortManagedSession session, SaveLock.Held held) {
    session.onSessionPassivation();
    // From here on it has to become known.
    LeftSave save = new LeftSave(store.waits(), store.counters().asyncAnswers);
    boolean left = false;
    try {
      left = store.storeOrLeave(session.data(), held, written -> onSaved(session, written, save));
    } finally {
      if (!left) save.known(false);
    }
    session.onSessionActivation();
    if (left) AnswerStream.leave(save);
    return left;
  }

  // Where it was not acknowledged this may wait.
  private void onSaved(CohortManagedSession session, Written written, LeftSave save) {
    try {
      if (written != Written.ACKNOWLEDGED) forgetIfDropped(session);
    } finally {
      // What becomes of the object from now on is no matter.
      save.known(written == Written.CONFLICT && session.data().dropped() != Dropped.ENDED);
    }
    if (session.data().standing().isAway()) LateWork.run(() -> letGo(session));
  }

  private void letGo(CohortManagedSession session) {
    try (AutoLock lock = session.lock()) {
      letGo(session.getId(), session);
    }
  }

  @Override
  public void release(ManagedSession session) throws Exception {
    if (!(session instanceof CohortManagedSession ours)) {
      super.release(session);
      return;
    }
    // Jetty enters it once more for a change of its id, in the application, and also those of other
    // contexts that have the same. Whoever else has it saves it.
    if (CohortManagedSession.isRenewingAny() && releaseToOthers(ours)) return;
    if (ours.data().isSaveLeft() && releaseBesideSave(ours)) return;
    try (SaveLock.Held held = ours.data().saveLock().hold()) {
      releaseOurs(ours);
    }
  }

  // What the request has changed is on its way: if that is all, there is nothing to wait for.
  private boolean releaseBesideSave(CohortManagedSession session) throws Exception {
    // Of one that is not here any more the store would be asked, which has not got it yet.
    if (getEvictionPolicy() == EVICT_ON_SESSION_EXIT) return false;
    CohortSessionData data = session.data();
    try (AutoLock lock = session.lock()) {
      if (session.isInvalidOrInvalidating()) return false;
      if (!store.isUnchangedBesideSave(data, hasOthers(session))) return false;
      data.beginReleaseBesideSave();
      try {
        super.release(session);
      } finally {
        data.endReleaseBesideSave();
      }
      if (data.standing().isAway()) letGo(session.getId(), session);
    }
    return true;
  }

  private boolean releaseToOthers(CohortManagedSession session) throws Exception {
    try (AutoLock lock = session.lock()) {
      if (!hasOthers(session)) return false;
      super.release(session);
    }
    return true;
  }

  private void releaseOurs(CohortManagedSession session) throws Exception {
    session.data().beginRelease();
    try {
      boolean others = hasOthers(session);
      while (!releaseAs(session, others)) others = true;
    } finally {
      session.data().endRelease();
    }
  }

  private static boolean hasOthers(CohortManagedSession session) {
    try (AutoLock lock = session.lock()) {
      return session.getRequests() > 1;
    }
  }

  // False: it was taken for the last request, and is not. The last one saves, by Jetty, under the
  // session's lock, when no other request can be in the application with it.
  private boolean releaseAs(CohortManagedSession session, boolean others) throws Exception {
    // Jetty waits for the last one, which a stream of events may put off for hours.
    if (others && !session.isInvalidOrInvalidating()) save(session);
    try (AutoLock lock = session.lock()) {
      boolean still = hasOthers(session);
      if (still && !others) return false;
      session.data().setUnderWay(still);
      super.release(session);
      forgetIfDropped(session);
      keepUnsent(session);
      if (session.data().standing().isAway()) letGo(session.getId(), session);
    }
    return true;
  }

  // EVICT_ON_SESSION_EXIT takes the object away though the store has not what is in it.
  private void keepUnsent(CohortManagedSession session) {
    if (session.isResident() || !session.isValid() || !session.data().hasUnsent()) return;
    session.setResident(true);
    doPutIfAbsent(session.getId(), session);
  }

  @Override
  public void checkInactiveSession(ManagedSession session) {
    if (!(session instanceof CohortManagedSession ours)) return;
    CohortSessionData data = ours.data();
    // Jetty holds the session's lock here, which a save takes under its own.
    try (SaveLock.Held held = data.saveLock().tryToHold()) {
      if (held == null || data.hasUnsent()) {
        ours.checkAgainAfter(getEvictionPolicy());
      } else {
        super.checkInactiveSession(session);
      }
    }
  }

  // What a save has found out.
  private void forgetIfDropped(CohortManagedSession session) {
    if (session.data().dropped() != Dropped.NO) drop(session, session.data().dropped());
  }

  @Override
  protected void renewSessionId(ManagedSession session, String newId, String newExtendedId) {
    if (!(session instanceof CohortManagedSession ours)) return;
    try (SaveLock.Held held = ours.data().saveLock().holdSoon()) {
      // One of another context: it keeps its id.
      if (held == null) throw new IllegalStateException("a save of the session takes too long");
      renew(ours, newId, newExtendedId);
      ours.onRenewed();
    } catch (RuntimeException e) {
      uncount(ours);
      throw e;
    }
  }

  // Jetty has counted a request for the change of its id, and forgets that where it fails.
  private void uncount(CohortManagedSession session) {
    if (session.data().dropped() != Dropped.NO) return;
    try {
      releaseToOthers(session);
    } catch (Exception e) {
      log.warn("a session could not be released", e);
    }
  }

  private void renew(CohortManagedSession session, String newId, String newExtendedId) {
    try (AutoLock lock = session.lock()) {
      CohortSessionData data = session.data();
      String oldId = data.getId();
      session.requireWritable();
      if (data.isStored()) changeIdInStore(session, oldId, newId);
      data.setId(newId);
      session.setExtendedId(newExtendedId);
      session.onIdChanged();
      doPutIfAbsent(newId, session);
      doDelete(oldId);
    }
  }

  private void changeIdInStore(CohortManagedSession session, String oldId, String newId) {
    CohortSessionData data = session.data();
    int doubts = data.standing().doubts();
    SessionResult result = store.changeId(oldId, newId);
    switch (result.status()) {
      case OK -> data.standing().onStored(result.version(), result.fence(), doubts);
      case NOT_FOUND, ABORTED, ALREADY_EXISTS -> {
        drop(session, Dropped.STALE);
        data.setTouched(true);
        // What the login goes on to do with it fails, so that nobody is logged in by halves.
        session.setResident(false);
        throw new IllegalStateException("the session's id cannot be changed, because another"
            + " instance has ended or changed it: " + result.text());
      }
      default -> {
        // Who logs in must get a new id now, also where the group cannot be asked.
        store.counters().unacknowledged.increment();
        store.endLater(oldId);
        data.onNotStored();
      }
    }
  }

  // ---- What the store tells ---------------------------------------------------------------

  /** Before the object is used again, the store is asked for its version. */
  void doubt(String id) {
    if (doGet(id) instanceof CohortManagedSession local) local.data().standing().doubt();
  }

  /** Another instance has it, or it has another id: an object that nobody uses is let go. */
  void letGo(String id) {
    if (!(doGet(id) instanceof CohortManagedSession local)) return;
    local.data().standing().move();
    // Requests that have it may hold the lock for long: the last of them lets it go.
    if (local.isInUse() || !local.data().isCurrent()) return;
    letGo(local);
  }

  // The session's lock is held.
  private void letGo(String id, CohortManagedSession local) {
    if (local.getRequests() > 0 || local.data().hasUnsent() || objects.get(id) != local) return;
    // A request that finds it at this moment uses it, and puts it back.
    doDelete(id);
    local.forget();
  }

  void doubtAll() {
    for (ManagedSession each : objects.values())
      ((CohortManagedSession) each).data().standing().doubt();
  }

  /** It has ended elsewhere, where the listeners are told. */
  void dropEnded(String id) {
    if (doDelete(id) instanceof CohortManagedSession local) {
      local.data().drop(Dropped.ENDED);
      local.forget();
    }
  }

  /** This instance's store has ended it, so its listeners are told here, and only here. */
  void endHere(SessionEvent event) {
    ManagedSession session = doDelete(event.id());
    if (session == null && event.session() != null) {
      session = newSession(store.restore(event.session()));
      session.setExtendedId(event.id());
      session.setResident(true);
    }
    if (!(session instanceof CohortManagedSession ours)) {
      store.counters().endedUntold.increment();
      return;
    }
    ours.data().drop(Dropped.ENDED);
    ours.forget();
    _context.run(() -> tellEnd(ours));
    store.counters().endedHere.increment();
  }

  private void tellEnd(CohortManagedSession session) {
    if (!session.isValid() || !session.beginInvalidate()) return;
    try {
      getSessionManager().onSessionDestroyed(session);
    } catch (RuntimeException e) {
      log.warn("a listener of the end of sessions failed", e);
    }
    session.finishInvalidate();
  }
}

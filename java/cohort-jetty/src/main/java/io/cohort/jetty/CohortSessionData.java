package io.cohort.jetty;

import io.cohort.Session;
import io.cohort.connector.SaveLock;
import io.cohort.connector.SessionWriter;
import io.cohort.connector.Standing;
import io.cohort.session.AttributeCodec;
import io.cohort.session.ChangeTracker;
import io.cohort.session.SessionMetadata;
import io.cohort.session.SessionPrincipal;
import java.util.Map;
import org.eclipse.jetty.session.SessionData;

/**
 * What is in one session's object on this instance, and what of it the store has. Jetty calls it
 * under the session's lock, a save under {@link #saveLock}; the store's events only doubt its
 * {@link #standing} and {@link #drop} it.
 */
final class CohortSessionData extends SessionData implements SessionWriter.Target {
  /** Why an object is not the session's any more. */
  enum Dropped {
    /** It is. */
    NO,
    /** Another instance has a newer one. */
    STALE,
    /** The session has ended, here or elsewhere. */
    ENDED
  }

  private static final long serialVersionUID = 1;

  /** Bytes of a session's metadata, as the session store has it. */
  static final int METADATA_BYTES_MAX = 64 * 1024;

  private final transient ChangeTracker tracker;
  // Null: this Jetty knows none.
  private final transient JettyUsers users;
  private final transient Standing standing = new Standing();
  private final transient SaveLock saveLock;

  // Something may have to be sent.
  private transient volatile boolean touched = true;
  private transient volatile Dropped dropped = Dropped.NO;
  private transient volatile boolean endedBesideSave;
  // Tells listeners of activation, which look at attributes; and, in `restoring`, put some back.
  private transient volatile Thread telling;
  private transient volatile Thread restoring;
  // Its listeners have not been told yet that it has come.
  private transient volatile boolean toActivate;
  // Requests have it that may change what they have got.
  private transient boolean underWay = true;
  // A save of it is under way that nobody waits for.
  private transient volatile boolean saveLeft;
  // Has to store nothing: what there is to store is under way.
  private transient volatile Thread releasing;
  // The request whose changes are being saved has been answered.
  private transient boolean answered;

  private transient byte[] metadata;
  private transient long maxInactiveSent;
  // The attributes of who had logged in, and of what a login form had interrupted, when it was
  // sent.
  private transient Object userSent;
  private transient Object formSent;

  /** A new session. */
  CohortSessionData(ChangeTracker tracker, SaveLock saveLock, JettyUsers users, String id,
      String contextPath, String host, long createdMs, long maxInactiveMs) {
    super(id, contextPath, host, createdMs, createdMs, createdMs, maxInactiveMs);
    this.tracker = tracker;
    this.saveLock = saveLock;
    this.users = users;
    metadata =
        new SessionMetadata(createdMs, createdMs, seconds(maxInactiveMs), false, null, null, null)
            .encode();
  }

  /** The session that the store has; its attributes come by {@link #restore}. */
  CohortSessionData(ChangeTracker tracker, SaveLock saveLock, JettyUsers users, String contextPath,
      String host, Session from) {
    super(from.id(), contextPath, host, from.createdMs(), from.lastAccessedMs(),
        from.lastAccessedMs(), from.maxInactiveMs() <= 0 ? -1 : from.maxInactiveMs());
    this.tracker = tracker;
    this.saveLock = saveLock;
    this.users = users;
    calcAndSetExpiry(from.lastAccessedMs());
    metadata = from.metadata();
    maxInactiveSent = getMaxInactiveMs();
    standing.onLoaded(from);
    touched = false;
    toActivate = true;
    // Jetty takes for new what was never saved.
    setLastSaved(Math.max(1, from.lastAccessedMs()));
  }

  /** An attribute as the store has it. */
  void restore(String name, Object value, byte[] bytes) {
    putAllAttributes(Map.of(name, value));
    restoreUnread(name, bytes);
  }

  /** One that is left out here; who removes it must find that the store has it. */
  void restoreUnread(String name, byte[] bytes) {
    tracker.onLoaded(name, bytes);
  }

  /** Who has logged in elsewhere is logged in here, and who is at a login form goes on with it. */
  void restoreLogin() {
    SessionMetadata has = SessionMetadata.decode(metadata).orElse(null);
    if (users == null || has == null) return;
    putAllAttributes(JettyForm.decode(has.connectorBytes()));
    formSent = form();
    if (has.principal() == null) return;
    Object user = users.attribute(has.authType(), has.principal());
    if (user == null) return;
    putAllAttributes(Map.of(JettyUsers.ATTRIBUTE, user));
    userSent = user;
  }

  // ---- What requests do -------------------------------------------------------------------

  @Override
  public Object getAttribute(String name) {
    Object value = super.getAttribute(name);
    if (value != null && telling != Thread.currentThread() && AttributeCodec.isMutable(value)) {
      tracker.onRead(name, value);
      touched = true;
    }
    return value;
  }

  @Override
  public Object setAttribute(String name, Object value) {
    Object old = super.setAttribute(name, value);
    tracker.onWritten(name);
    // What a listener puts back is no change.
    if (restoring != Thread.currentThread()) touched = true;
    return old;
  }

  /** What was read may have been changed; only encoding it shows whether it was. */
  @Override
  public boolean isDirty() {
    return touched || super.isDirty();
  }

  /** What this thread does until {@link #endTelling} was not done by a request. */
  void beginTelling(boolean restores) {
    telling = Thread.currentThread();
    restoring = restores ? telling : null;
  }

  void endTelling() {
    telling = null;
    restoring = null;
  }

  // ---- What is sent -----------------------------------------------------------------------

  /**
   * Held over a save, from looking at the attributes until the answer is there. The session's lock
   * may be taken under it, and is not held while attributes are encoded that requests may have:
   * what is encoded may wait for a lock of the application's, whose holder calls the session.
   */
  SaveLock saveLock() {
    return saveLock;
  }

  @Override
  public Standing standing() {
    return standing;
  }

  @Override
  public String storeId() {
    return getId();
  }

  @Override
  public long createdMs() {
    return getCreated();
  }

  /** This object is found by the old id: it has done. */
  @Override
  public void follow(String newStoreId) {
    drop(Dropped.ENDED);
  }

  @Override
  public ChangeTracker tracker() {
    return tracker;
  }

  boolean isTouched() {
    return touched;
  }

  void setTouched(boolean value) {
    touched = value;
  }

  boolean isUnderWay() {
    return underWay;
  }

  boolean isAnswered() {
    return answered;
  }

  /** A request ends. */
  void beginRelease() {
    answered = true;
  }

  void setSaveLeft(boolean value) {
    saveLeft = value;
  }

  /** A save of it was left, and is not acknowledged yet. */
  boolean isSaveLeft() {
    return saveLeft;
  }

  /** A request ends, on this thread, whose save is under way. Under the session's lock. */
  void beginReleaseBesideSave() {
    releasing = Thread.currentThread();
  }

  void endReleaseBesideSave() {
    releasing = null;
  }

  boolean isReleasedBesideSave() {
    return releasing == Thread.currentThread();
  }

  /** Whether other requests are under way with it. */
  void setUnderWay(boolean value) {
    underWay = value;
  }

  void endRelease() {
    underWay = true;
    answered = false;
  }

  /**
   * There is something that the store has not, or may not have. Under the session's lock, when no
   * request has it.
   */
  boolean hasUnsent() {
    return dropped == Dropped.NO && (touched || saveLeft || !isStored());
  }

  boolean isStored() {
    return standing.isStored();
  }

  byte[] metadata() {
    return metadata;
  }

  /** Its time was changed, or the login: the record is to be sent with that of now. */
  boolean needsMetadata() {
    return !isStored() || maxInactiveSent != getMaxInactiveMs() || user() != userSent
        || form() != formSent;
  }

  /** Who has logged in, as Jetty has it; null: nobody. */
  Object user() {
    return users == null ? null : getAllAttributes().get(JettyUsers.ATTRIBUTE);
  }

  /** What a login form has interrupted, as Jetty has it; null: nothing. */
  Object form() {
    return users == null ? null : getAllAttributes().get(JettyForm.ATTRIBUTE);
  }

  /**
   * The record with the time of now, and with {@code user}, if the context knows users; else with
   * whom a connector of another server has put there.
   */
  byte[] currentMetadata(Object user) {
    SessionMetadata old = SessionMetadata.decode(metadata).orElse(null);
    if (old == null) return metadata;
    if (users == null || !users.isActive()) {
      return record(old, old.authType(), old.principal(), old.connectorBytes());
    }
    // What another server's connector has there may be a user who has logged out by now.
    byte[] form = JettyForm.encode(getAllAttributes());
    byte[] encoded = record(old, users.authType(user), users.principal(user), form);
    // Who has so many roles logs in again after a failover.
    return encoded.length <= METADATA_BYTES_MAX ? encoded : record(old, null, null, form);
  }

  private byte[] record(
      SessionMetadata old, String authType, SessionPrincipal principal, byte[] connectorBytes) {
    return new SessionMetadata(old.createdMs(), old.lastAccessedMs(), seconds(getMaxInactiveMs()),
        old.isNew(), authType, principal, connectorBytes)
        .encode();
  }

  void onMetadataSent(byte[] sent, long maxInactiveMs, Object user, Object form) {
    metadata = sent;
    maxInactiveSent = maxInactiveMs;
    userSent = user;
    formSent = form;
  }

  /** It is not in the store, as after a change of id that failed: it is to be created, whole. */
  void onNotStored() {
    standing.onNotStored();
    tracker.onNotStored(getKeys());
    touched = true;
  }

  private static int seconds(long ms) {
    return ms <= 0 ? -1 : (int) Math.min(Integer.MAX_VALUE, (ms + 999) / 1000);
  }

  // ---- Whether it is the session ----------------------------------------------------------

  Dropped dropped() {
    return dropped;
  }

  void drop(Dropped why) {
    dropped = why;
  }

  /** A request ends it while a save of it goes on, which may bring it to the store after that. */
  void endBesideSave() {
    endedBesideSave = true;
    drop(Dropped.ENDED);
  }

  boolean isEndedBesideSave() {
    return endedBesideSave;
  }

  /** Its application stops. The session goes on in another object. */
  void retire() {
    if (dropped == Dropped.NO) dropped = Dropped.STALE;
  }

  /** Stored, and still the session, as far as is known here. */
  boolean isCurrent() {
    return isStored() && dropped == Dropped.NO;
  }

  /** Changes of it are nowhere and never will be. Each request that still has it is to be told. */
  boolean isRefused() {
    return dropped == Dropped.STALE && touched;
  }

  /** What the request does to this object is refused from now on, its answer too. */
  void requireNewest() {
    if (dropped == Dropped.NO) return;
    dropped = Dropped.STALE;
    touched = true;
    throw new IllegalStateException(
        "the session's id cannot be changed, because the session is another one by now");
  }

  boolean isToActivate() {
    return toActivate;
  }

  void onActivated() {
    toActivate = false;
  }
}

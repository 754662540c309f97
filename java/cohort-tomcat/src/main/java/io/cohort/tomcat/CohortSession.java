package io.cohort.tomcat;

import io.cohort.Session;
import io.cohort.Version;
import io.cohort.connector.SaveLock;
import io.cohort.connector.SessionWriter;
import io.cohort.connector.Standing;
import io.cohort.session.ChangeTracker;
import io.cohort.session.SessionMetadata;
import jakarta.servlet.http.HttpSessionActivationListener;
import jakarta.servlet.http.HttpSessionEvent;
import java.nio.charset.StandardCharsets;
import java.security.Principal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.catalina.session.StandardSession;

/**
 * A session that is used on this instance: the one object of it here. What requests do to it is
 * noted, and sent when they end ({@link SessionSaver}). When it expires is the store's business, so
 * that all instances agree.
 */
public class CohortSession extends StandardSession implements SessionWriter.Target {
  /** Bytes of UTF-8 of an attribute's name, as the session store has it. */
  static final int NAME_BYTES_MAX = 1024;

  private static final long serialVersionUID = 1;

  /** Held over a save, from looking at the attributes until the answer is there. */
  final transient SaveLock saveLock;

  private final transient CohortManager owner;
  private final transient ChangeTracker tracker;
  private final transient Standing standing = new Standing();

  // Requests that have the session, those that came without one and asynchronous ones too; and how
  // many of them are through the valve, and do no more than to be answered.
  private final transient Object usersLock = new Object();
  private transient int users;
  private transient int answered;

  // Something besides attributes may have to be sent.
  private transient volatile boolean touched = true;
  // What has to be sent is sent by the next request, or now and then: a save of it has failed.
  private transient volatile boolean unacknowledged;
  // Another instance has a newer one: nothing that requests do to this object is kept.
  private transient volatile boolean stale;
  // Its application has stopped, or is about to.
  private transient volatile boolean retired;
  // Ended in the store already: expire() has only to tell.
  private transient volatile boolean ended;
  private transient volatile boolean endedBesideSave;

  // Written under saveLock.
  private transient byte[] metadataSent;
  private transient volatile Thread tellsActivation;

  private final transient Object activationLock = new Object();
  private transient boolean activating;
  private transient volatile boolean activated = true;

  /** An empty one; {@link CohortManager#createSession} and {@link #restore} fill it. */
  CohortSession(CohortManager manager, ChangeTracker tracker) {
    super(manager);
    owner = manager;
    saveLock = new SaveLock(manager.savePatienceMs());
    this.tracker = tracker;
  }

  // ---- What requests do -------------------------------------------------------------------

  @Override
  public Object getAttribute(String name) {
    Object value = super.getAttribute(name);
    // What is told before each save would else have everything encoded at each.
    if (tellsActivation != Thread.currentThread()) tracker.onRead(name, value);
    return value;
  }

  @Override
  public void setAttribute(String name, Object value, boolean notify) {
    super.setAttribute(name, value, notify);
    tracker.onWritten(name);
  }

  @Override
  protected void removeAttributeInternal(String name, boolean notify) {
    super.removeAttributeInternal(name, notify);
    if (name != null) tracker.onWritten(name);
  }

  /** Whatever cannot be replicated stays here; that is no reason to refuse it. */
  @Override
  public boolean isAttributeDistributable(String name, Object value) {
    return true;
  }

  @Override
  public void setMaxInactiveInterval(int interval) {
    super.setMaxInactiveInterval(interval);
    touched = true;
  }

  @Override
  public void setPrincipal(Principal principal) {
    super.setPrincipal(principal);
    touched = true;
  }

  @Override
  public void setAuthType(String authType) {
    super.setAuthType(authType);
    touched = true;
  }

  @Override
  public void setNote(String name, Object value) {
    super.setNote(name, value);
    touched = true;
  }

  @Override
  public void removeNote(String name) {
    super.removeNote(name);
    touched = true;
  }

  /** A request has it from now on. */
  @Override
  public void access() {
    super.access();
    synchronized (usersLock) {
      ++users;
    }
  }

  /** The request is over. What was changed outside of the valve, as in an error page, is saved. */
  @Override
  public void endAccess() {
    super.endAccess();
    boolean last;
    synchronized (usersLock) {
      if (users > 0) --users;
      // If it was not counted there, the others are taken for longer than they are, which is safe.
      if (answered > 0) --answered;
      last = users == 0;
      if (last) answered = 0;
    }
    if (last && isTouched() && !unacknowledged && !isEnded() && !stale)
      owner.saver().saveAtEnd(this, true);
    if (last && standing.isAway()) owner.letGoUnused(this);
  }

  /** A request is through the valve, and will not change it any more. */
  void leaveRequest() {
    synchronized (usersLock) {
      if (answered < users) ++answered;
    }
  }

  /** Is a request under way that may change it? */
  boolean isBusy() {
    synchronized (usersLock) {
      return users > answered;
    }
  }

  /** It is called otherwise; the manager knows it already. */
  void rename(String newId) {
    id = newId;
  }

  // ---- Its end ----------------------------------------------------------------------------

  /**
   * Whether its time is over says the store alone, which knows how it was used elsewhere. Of one
   * that is not there nobody else could say it.
   */
  @Override
  public boolean isValid() {
    return isValid && (isStored() || expiring || isBusy() || !isOver());
  }

  private boolean isOver() {
    return maxInactiveInterval > 0 && getIdleTimeInternal() >= maxInactiveInterval * 1000L;
  }

  /** It has ended in the store, by this instance: the application's listeners are told. */
  void endHere() {
    ended = true;
    expire(true);
  }

  /** It has ended elsewhere, where the listeners are told. Requests that still have it fail. */
  void endElsewhere() {
    ended = true;
    isValid = false;
  }

  /** It is being ended, by this instance: nothing is saved any more, but by {@code besideSave}. */
  void markEnded(boolean besideSave) {
    endedBesideSave = besideSave;
    ended = true;
  }

  /** Was it ended here while a save of it went on, which may bring it to the store after that? */
  boolean isEndedBesideSave() {
    return endedBesideSave;
  }

  boolean isEnded() {
    return ended || !isValid;
  }

  /** Another instance has a newer one. */
  void markStale() {
    stale = true;
  }

  boolean isStale() {
    return stale;
  }

  /** Its application stops. The session goes on in another object. */
  void retire() {
    retired = true;
  }

  boolean isRetired() {
    return retired;
  }

  // ---- What is sent -----------------------------------------------------------------------

  boolean isTouched() {
    return touched || tracker.isTouched();
  }

  void setTouched(boolean value) {
    touched = value;
    if (!value) unacknowledged = false;
  }

  /** It is to be sent again, but not at once: the group could not be asked. */
  void onUnacknowledged() {
    unacknowledged = true;
    touched = true;
  }

  boolean isStored() {
    return standing.isStored();
  }

  @Override
  public Standing standing() {
    return standing;
  }

  @Override
  public ChangeTracker tracker() {
    return tracker;
  }

  @Override
  public String storeId() {
    return SessionIds.ofStore(id);
  }

  @Override
  public long createdMs() {
    return creationTime;
  }

  /** The id was changed by another instance while this one's request was under way. */
  @Override
  public void follow(String newStoreId) {
    owner.follow(this, newStoreId);
  }

  byte[] metadataSent() {
    return metadataSent;
  }

  void onMetadataSent(byte[] metadata) {
    metadataSent = metadata;
  }

  /** It is not in the store, as after a change of id that failed: it is to be created, whole. */
  void onNotStored() {
    standing.onNotStored();
    metadataSent = null;
    tracker.onNotStored(List.of(keys()));
    touched = true;
  }

  /** The attribute as it may be replicated now, or null. */
  Object replicable(String name) {
    Object value = attributes.get(name);
    if (value == null || exclude(name, value)) return null;
    if (name.length() <= NAME_BYTES_MAX
        && name.getBytes(StandardCharsets.UTF_8).length <= NAME_BYTES_MAX) {
      return value;
    }
    owner.reportLongName(name, value);
    return null;
  }

  // ---- Coming and going -------------------------------------------------------------------

  /** Makes it the session that the store has. Attributes that cannot be read are left out. */
  void restore(String fullId, Session from, SessionMetadata metadata) {
    id = fullId;
    creationTime = from.createdMs();
    maxInactiveInterval = toSeconds(from.maxInactiveMs());
    isNew = false;
    isValid = true;
    onUsedElsewhere(from);
    standing.onLoaded(from);
    metadataSent = from.metadata();
    from.attributes().forEach(this::restoreAttribute);
    if (metadata != null) owner.restore(metadata, this);
    touched = false;
    activated = false;
  }

  private void restoreAttribute(String name, byte[] bytes) {
    // Replicas have it also if it cannot be read here: a removal has to be sent.
    tracker.onLoaded(name, bytes);
    Object value = owner.decode(name, bytes);
    if (value != null) attributes.put(name, value);
  }

  /** Makes it a session of which nothing is known but that there was one. */
  void restoreNothing(String fullId, long nowMs) {
    id = fullId;
    creationTime = nowMs;
    isNew = false;
    isValid = true;
    standing.onStored(new Version(0, 0), 0, standing.doubts());
    touched = false;
  }

  /**
   * Tells the session's attributes that they have come here, once. Who has got the object from
   * another request waits until that is done. Holds no lock but one of the session.
   */
  void activateOnce() {
    if (activated) return;
    synchronized (activationLock) {
      // One of those that are told may ask for its session.
      if (activated || activating) return;
      activating = true;
      try {
        owner.inApplication(this::activate);
      } finally {
        activated = true;
      }
    }
  }

  /** The same session as the store's: only its times may be newer there. */
  void onUsedElsewhere(Session from) {
    lastAccessedTime = Math.max(lastAccessedTime, from.lastAccessedMs());
    thisAccessedTime = Math.max(thisAccessedTime, from.lastAccessedMs());
  }

  // Less than a second is still not "never".
  private static int toSeconds(long maxInactiveMs) {
    if (maxInactiveMs <= 0) return -1;
    return (int) Math.min(Integer.MAX_VALUE, (maxInactiveMs + 999) / 1000);
  }

  /** Attributes that want to know it are told before they are encoded, and again afterwards. */
  final class Passivation {
    private final Map<String, HttpSessionActivationListener> told = new LinkedHashMap<>();

    Object passivate(String name) {
      Object value = replicable(name);
      if (value instanceof HttpSessionActivationListener listener) {
        tell(() -> listener.sessionWillPassivate(new HttpSessionEvent(getSession())));
        told.put(name, listener);
      }
      return value;
    }

    void activate() {
      List<HttpSessionActivationListener> listeners = new ArrayList<>(told.values());
      for (HttpSessionActivationListener each : listeners) {
        tell(() -> each.sessionDidActivate(new HttpSessionEvent(getSession())));
      }
    }

    private void tell(Runnable call) {
      tellsActivation = Thread.currentThread();
      try {
        call.run();
      } catch (RuntimeException e) {
        owner.getContext().getLogger().error("a listener of session activation failed", e);
      } finally {
        tellsActivation = null;
      }
    }
  }
}

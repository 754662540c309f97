package io.cohort.session;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/**
 * Knows of one session what its replicas have, and finds at the end of a request what has to be
 * sent: what was set or removed, and of what was read whatever is now encoded otherwise than it was
 * sent. So a list that a request has got and added to is found without being set again. What a
 * request has changed without having read it in the same request is not found.
 *
 * <p>Of a value only its hash is kept ({@link ContentHash}). Names are kept as long as replicas may
 * have the attribute, or until the end of the last request that was under way with those that
 * touched them: whoever has got a value may change it as long as its request goes on.
 *
 * <p>Any threads: parallel requests of a session call {@code on...} as they please. Who sends must
 * send what {@link #collect} returned in the order in which it returned, hence hold one lock of the
 * session over both; {@link #restore} may come late.
 */
public final class ChangeTracker {
  /** Attributes of one session that are replicated; further ones stay local. */
  public static final int ATTRIBUTES_MAX = 4096;

  private final AttributeCodec codec;
  private final AttributePolicy policy;
  private final boolean detectInPlace;

  // Guards both sets; never held while code of the application runs.
  private final Object touchLock = new Object();
  // To be looked at once.
  private Set<String> written = new LinkedHashSet<>();
  // To be looked at as long as there are requests that may change them.
  private Set<String> held = new LinkedHashSet<>();

  // What replicas may have. Guarded by `this`, as all that follows.
  private final Map<String, Sent> replicated = new HashMap<>();
  // Bytes of the values among them, as far as they are known.
  private long sizeOfAll;
  // What the store had no room for, and is to have when there is some.
  private final Map<String, Refusal> refused = new HashMap<>();

  // Of a value: where isKnown is false, replicas may have another one, or none.
  private static final class Sent {
    boolean isKnown;
    long hash;
    int bytes;
  }

  private record Refusal(Sent sent, long sizeOfAll) {}

  /** With {@code detectInPlace} false, only what was set or removed is found. */
  public ChangeTracker(AttributeCodec codec, AttributePolicy policy, boolean detectInPlace) {
    this.codec = Objects.requireNonNull(codec, "codec");
    this.policy = Objects.requireNonNull(policy, "policy");
    this.detectInPlace = detectInPlace;
  }

  /** A request has set the attribute, or removed it. */
  public void onWritten(String name) {
    touch(name);
  }

  /** A request has got {@code value}, and may change it. */
  public void onRead(String name, Object value) {
    if (detectInPlace && AttributeCodec.isMutable(value)) hold(name);
  }

  /** The session came from another instance with this attribute; replicas have these bytes. */
  public synchronized void onLoaded(String name, byte[] bytes) {
    if (replicated.size() >= ATTRIBUTES_MAX) return;
    noteSent(sentOf(name), bytes.length, ContentHash.of(bytes));
  }

  /** Is there anything that {@link #collect} would look at? */
  public boolean isTouched() {
    synchronized (touchLock) {
      return !written.isEmpty() || !held.isEmpty();
    }
  }

  /**
   * The store had no room for what was sent of the attribute, and has none of it now. It is sent
   * again when it is set or has changed, or when what else was sent has become less.
   */
  public synchronized void onRefused(String name) {
    Sent sent = replicated.replace(name, new Sent());
    if (sent == null) return;
    sizeOfAll -= sent.bytes;
    refused.put(name, new Refusal(sent, sizeOfAll));
  }

  /** The session is not in the store: these are its attributes, to be sent as if they were set. */
  public void onNotStored(Iterable<String> names) {
    synchronized (this) {
      for (String name : names) sentOf(name).isKnown = false;
      refused.clear();
    }
    for (String name : names) touch(name);
  }

  /** As the other one, where no request is under way any more. */
  public Changes collect(Function<String, Object> attribute) {
    return collect(attribute, () -> false);
  }

  /**
   * What has changed since the last call. Encodes whatever was touched, on this thread, and reports
   * to the policy what cannot be replicated. What another thread was changing meanwhile is looked
   * at again at the next call, which the request that has changed it makes.
   *
   * @param attribute gives the session's attribute of a name now, or null
   * @param underWay whether there are requests that may still change in place what they have got:
   *     then the next call looks at all of that again. Asked while {@link #onRead} waits, so it
   *     must not wait itself, and a request that is counted before it reads is never missed
   */
  public synchronized Changes collect(
      Function<String, Object> attribute, BooleanSupplier underWay) {
    boolean holds;
    Set<String> set;
    Set<String> names;
    synchronized (touchLock) {
      holds = underWay.getAsBoolean();
      set = written;
      names = set;
      if (!held.isEmpty()) {
        names = new LinkedHashSet<>(set);
        names.addAll(held);
      }
      written = new LinkedHashSet<>();
      if (!holds) held = new LinkedHashSet<>();
    }
    Changes found = new Changes(new LinkedHashMap<>(), new LinkedHashSet<>());
    try {
      for (String name : names) {
        Object value = attribute.apply(name);
        // Who has set a value has it as well as who has got it.
        if (holds) onRead(name, value);
        look(name, value, set.contains(name), found.put(), found.removed());
      }
      for (String name : whatMayFitNow(names)) {
        look(name, attribute.apply(name), true, found.put(), found.removed());
      }
    } catch (RuntimeException | Error e) {
      // Code of the application has failed: what was found until then is not sent either.
      restore(found);
      for (String name : names) touch(name);
      throw e;
    }
    return found;
  }

  private void look(
      String name, Object value, boolean wasSet, Map<String, byte[]> put, Set<String> removed) {
    EncodeResult result = value == null ? null : encode(name, value);
    if (result instanceof EncodeResult.Encoded encoded) {
      byte[] bytes = encoded.bytes();
      long hash = ContentHash.of(bytes);
      if (!wasSet && isRefusedStill(name, hash)) return;
      refused.remove(name);
      if (noteSent(sentOf(name), bytes.length, hash)) put.put(name, bytes);
    } else if (isTransient(result)) {
      touch(name);
    } else {
      Sent sent = replicated.remove(name);
      if (sent == null) return;
      // Gone, or of a kind that stays here: an older value must not come back after a failover.
      sizeOfAll -= sent.bytes;
      refused.remove(name);
      removed.add(name);
    }
  }

  private Sent sentOf(String name) {
    return replicated.computeIfAbsent(name, any -> new Sent());
  }

  // Replicas are to have these bytes: had they others?
  private boolean noteSent(Sent sent, int bytes, long hash) {
    boolean hadOthers = !sent.isKnown || sent.hash != hash;
    sizeOfAll += bytes - sent.bytes;
    sent.isKnown = true;
    sent.hash = hash;
    sent.bytes = bytes;
    return hadOthers;
  }

  private boolean isRefusedStill(String name, long hash) {
    if (refused.isEmpty()) return false;
    Refusal refusal = refused.get(name);
    return refusal != null && sizeOfAll >= refusal.sizeOfAll && refusal.sent.isKnown
        && refusal.sent.hash == hash;
  }

  private List<String> whatMayFitNow(Set<String> butFor) {
    if (refused.isEmpty()) return List.of();
    List<String> names = new ArrayList<>();
    refused.forEach((name, refusal) -> {
      if (sizeOfAll < refusal.sizeOfAll && !butFor.contains(name)) names.add(name);
    });
    return names;
  }

  /** {@code changes} were perhaps not sent: all of it will be collected again, as it is then. */
  public void restore(Changes changes) {
    List<String> names = new ArrayList<>(changes.put().keySet());
    names.addAll(changes.removed());
    synchronized (this) {
      for (String name : names) sentOf(name).isKnown = false;
    }
    for (String name : names) touch(name);
  }

  private EncodeResult encode(String name, Object value) {
    EncodeResult result = check(name, value);
    if (result == null) result = codec.encode(value);
    if (result instanceof EncodeResult.Refused refused) policy.keptLocal(name, refused);
    return result;
  }

  private static boolean isTransient(EncodeResult result) {
    return result instanceof EncodeResult.Refused refused
        && refused.reason() == Reason.CHANGED_MEANWHILE;
  }

  private EncodeResult check(String name, Object value) {
    Reason reason = policy.refuses(name, value);
    if (reason == null) {
      if (replicated.size() < ATTRIBUTES_MAX || replicated.containsKey(name)) return null;
      reason = Reason.TOO_MANY;
    }
    return new EncodeResult.Refused(reason, value.getClass().getName(), "");
  }

  private void touch(String name) {
    synchronized (touchLock) {
      written.add(name);
    }
  }

  private void hold(String name) {
    synchronized (touchLock) {
      held.add(name);
    }
  }
}

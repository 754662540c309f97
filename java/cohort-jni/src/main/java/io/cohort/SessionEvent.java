package io.cohort;

/**
 * What a store tells; include/cohort/session.h tells what each kind means.
 *
 * @param kind what happened
 * @param id of the session
 * @param newId of ID_CHANGED, else empty
 * @param attribute of REFUSED_ATTRIBUTE, else empty
 * @param here whether this store did it. Of all stores of a group exactly one is told so of a
 *     session's end: the one whose host has to call listeners
 * @param atMs milliseconds since 1970, by this process's clock
 * @param by who did it; zero in a local store
 * @param version of the session, if it is there
 * @param text in words: what, why
 * @param session where {@code here}, of one that has ended: what it held last. Else null, and where
 *     what waits to be told has no room for it (docs/java.md)
 */
public record SessionEvent(Kind kind, String id, String newId, String attribute, boolean here,
    long atMs, MemberId by, Version version, String text, Session session) {
  /** What happened. */
  public enum Kind {
    CREATED,
    /** Only for who asked for changes. */
    CHANGED,
    /**
     * {@code by} has taken it over; told by who took it and who had it. Or, and then the text says
     * so, the group went on without what its owner wrote last, or another side of it was merged: to
     * its owner, which has to load it again.
     */
    MOVED,
    /** From {@code id} to {@code newId}. */
    ID_CHANGED,
    /** It was not used for its time. */
    EXPIRED,
    /** By the application; or removed in another way, which the text says. */
    INVALIDATED,
    /** To make room. */
    EVICTED,
    /** Its owner goes on with it alone. */
    WITHDRAWN,
    /** {@code attribute} was left out of a write of this member. */
    REFUSED_ATTRIBUTE,
    /** A write of this member was refused, or two sessions of one id met; the text says which. */
    CONFLICT,
    /** Something that this version does not know. */
    OTHER;

    private static final Kind[] BY_NUMBER = values();

    static Kind of(int number) {
      return number >= 0 && number < BY_NUMBER.length ? BY_NUMBER[number] : OTHER;
    }
  }

  static SessionEvent read(Unpacked in) {
    Kind kind = Kind.of(in.readInt());
    boolean here = in.readByte() != 0;
    String id = in.readText();
    String newId = in.readText();
    String attribute = in.readText();
    long atMs = in.readLong();
    MemberId by = in.readMemberId();
    Version version = new Version(in.readLong(), in.readLong());
    String text = in.readText();
    Session session = in.hasMore() ? Session.read(id, in) : null;
    return new SessionEvent(kind, id, newId, attribute, here, atMs, by, version, text, session);
  }
}

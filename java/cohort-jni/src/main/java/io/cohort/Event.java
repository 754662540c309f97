package io.cohort;

/**
 * What a member tells about its group; include/cohort/events.h tells what each kind means.
 *
 * @param kind as "suspected", "transfer_done"; there may be new ones
 * @param atNs steady clock of this process, nanoseconds
 * @param view installed here when it happened; zero before the first
 * @param subject whom it is about; zero: nobody
 * @param subjectName "" if nobody
 * @param text in words: what, why, evidence, what to do
 * @param key of a conflict, else empty
 * @param number what it counts is told with the kind
 */
public record Event(String kind, long atNs, ViewId view, MemberId subject, String subjectName,
    String text, byte[] key, long number) {
  static Event read(Unpacked in) {
    in.readInt(); // The kind as a number, which its name says better.
    String kind = in.readText();
    long atNs = in.readLong();
    ViewId view = in.readViewId();
    MemberId subject = in.readMemberId();
    return new Event(
        kind, atNs, view, subject, in.readText(), in.readText(), in.readBytes(), in.readLong());
  }
}

package io.cohort.session;

import java.io.ObjectInputFilter;

/**
 * Applies rules and limits to one stream, and remembers what it refused first, because the
 * exception that follows does not say. One thread.
 */
final class StreamFilter implements ObjectInputFilter {
  private final ClassRules rules;
  private final CodecLimits limits;
  private final long elementsMax;
  private long elements;
  private DecodeResult.Dropped refusal;

  /** With null for {@code rules} only the limits hold. */
  StreamFilter(ClassRules rules, CodecLimits limits, int streamBytes) {
    this.rules = rules;
    this.limits = limits;
    this.elementsMax =
        (long) CodecLimits.ELEMENTS_PER_BYTE_MAX * streamBytes + CodecLimits.ELEMENTS_EXTRA;
  }

  @Override
  public Status checkInput(FilterInfo info) {
    if (info.depth() > limits.depthMax()) {
      return refuse(Reason.LIMIT, info, "deeper than " + limits.depthMax());
    }
    if (info.references() > limits.referencesMax()) {
      return refuse(Reason.LIMIT, info, "more than " + limits.referencesMax() + " references");
    }
    if (info.arrayLength() >= 0) {
      if (info.arrayLength() > limits.arrayLengthMax()) {
        return refuse(Reason.LIMIT, info, "an array of " + info.arrayLength());
      }
      // An array is made before its elements are read. Were only each of them bounded, some bytes
      // for the head of one after the other could have any memory.
      elements += info.arrayLength();
      if (elements > elementsMax) {
        return refuse(Reason.LIMIT, info, "arrays larger than the bytes that can fill them");
      }
    }
    if (info.serialClass() == null || rules == null) return Status.UNDECIDED;
    if (!rules.allows(info.serialClass())) return refuse(Reason.CLASS_REFUSED, info, "");
    return Status.ALLOWED;
  }

  /** What was refused first, or null. */
  DecodeResult.Dropped refusal() {
    return refusal;
  }

  /** For what the stream's own methods refuse before the filter is asked. */
  void refuse(Reason reason, String type, String detail) {
    if (refusal == null) refusal = new DecodeResult.Dropped(reason, type, detail);
  }

  private Status refuse(Reason reason, FilterInfo info, String detail) {
    refuse(reason, info.serialClass() == null ? "" : info.serialClass().getName(), detail);
    return Status.REJECTED;
  }
}

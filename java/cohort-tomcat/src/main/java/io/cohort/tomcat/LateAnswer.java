package io.cohort.tomcat;

import java.io.IOException;

/**
 * The answer of a request that the application has done with, and which waits for its save: what
 * became of that may be known before it has begun to wait. Any threads.
 */
abstract class LateAnswer {
  protected final SaveWaits waits;
  // Guarded by this.
  private boolean isWaiting;
  private Saved saved;

  LateAnswer(SaveWaits waits) {
    this.waits = waits;
    waits.onAnswerWaits();
  }

  /** It waits from now on: null. Or what became of the save, if that is known already. */
  final synchronized Saved begin() throws IOException {
    if (saved != null) return saved;
    startWaiting();
    isWaiting = true;
    return null;
  }

  /** What became of the save, once. Any thread, which is not held up. */
  final void saved(Saved value) {
    try {
      synchronized (this) {
        saved = value;
        if (!isWaiting) return;
      }
      go(value);
    } finally {
      waits.onAnswerGoes();
    }
  }

  /** From now on {@link #go} will be called, once. This is locked meanwhile. */
  abstract void startWaiting() throws IOException;

  /** After it has waited; a {@link Saved#CONFLICT} is told in its place. As saved. */
  abstract void go(Saved value);
}

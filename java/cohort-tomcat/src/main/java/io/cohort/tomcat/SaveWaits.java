package io.cohort.tomcat;

import io.cohort.connector.AnswerWaits;
import jakarta.servlet.ServletRequestListener;
import org.apache.catalina.Context;

/** How requests wait for their saves, and in which ways without a thread. Any threads. */
final class SaveWaits extends AnswerWaits {
  // More than a save takes. Whose answer is lost is told so then.
  private static final long ANSWER_MARGIN_MS = 30_000;

  private volatile boolean asyncAllowed;
  private volatile boolean holdingAllowed = true;

  /**
   * Is the application told of the ends of its requests? It expects that of the thread that began
   * them, as where it keeps something by thread.
   */
  static boolean isListened(Context context) {
    for (Object listener : context.getApplicationEventListeners()) {
      if (listener instanceof ServletRequestListener) return true;
    }
    return false;
  }

  /** As asynchronous requests, too, which end in another thread. */
  void allowAsync(boolean value) {
    asyncAllowed = value;
  }

  /** How long an answer waits at most. */
  long answerMsMax() {
    return saveMsMax() + ANSWER_MARGIN_MS;
  }

  boolean isAsyncAllowed() {
    return asyncAllowed;
  }

  /** For tests: whether answers may be kept at their connections, which is so by default. */
  void allowHolding(boolean value) {
    holdingAllowed = value;
  }

  boolean isHoldingAllowed() {
    return holdingAllowed;
  }
}

package io.cohort.tomcat;

import jakarta.servlet.AsyncContext;
import java.io.IOException;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.coyote.ActionCode;
import org.apache.juli.logging.Log;
import org.apache.juli.logging.LogFactory;

/**
 * An answer whose request is an asynchronous one to Tomcat from here on; nothing but the {@link
 * AsyncContext} is touched until it has a thread of Tomcat's again.
 */
final class WaitingAnswer extends LateAnswer {
  private static final String NOTE = WaitingAnswer.class.getName();
  private static final Log log = LogFactory.getLog(WaitingAnswer.class);

  private final Request request;
  // Null: it does not wait yet.
  private AsyncContext waiting;

  WaitingAnswer(Request request, SaveWaits waits) {
    super(waits);
    this.request = request;
  }

  @Override
  void startWaiting() {
    // The servlet need not be; nothing of it runs any more.
    request.setAsyncSupported(true);
    AsyncContext context = request.startAsync();
    context.setTimeout(waits.answerMsMax());
    request.setNote(NOTE, this);
    waiting = context;
  }

  @Override
  void go(Saved value) {
    try {
      if (value == Saved.CONFLICT) {
        dispatch();
      } else {
        waiting.complete();
      }
    } catch (IllegalStateException e) {
      // As where the connection is gone, and Tomcat has ended the request because of that.
      log.debug("a request was over before its save", e);
    } catch (RuntimeException e) {
      log.warn("an answer that waited for its save does not go before its time is over", e);
    }
  }

  // Only a thread of Tomcat's may write a refusal; it comes through the valve for that, and no
  // further, so what is there is all the same.
  private void dispatch() {
    try {
      waiting.dispatch();
    } catch (IllegalArgumentException | UnsupportedOperationException e) {
      // As where the request was for the context without a path.
      waiting.dispatch("/");
    }
  }

  /** Is this the request's second way through the valve? Then it has been answered. */
  static boolean refuseIfDispatched(Request request, Response response) throws IOException {
    if (!(request.getNote(NOTE) instanceof WaitingAnswer) || !request.isAsyncDispatching()) {
      return false;
    }
    request.removeNote(NOTE);
    // Else the page that says so would be left out, as that of a request that goes on.
    request.getCoyoteRequest().action(ActionCode.ASYNC_DISPATCHED, null);
    CohortValve.refuse(response, CohortValve.CHANGED);
    return true;
  }
}

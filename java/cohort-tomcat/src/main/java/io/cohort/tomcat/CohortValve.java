package io.cohort.tomcat;

import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.List;
import java.util.function.Function;
import org.apache.catalina.Globals;
import org.apache.catalina.Session;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ValveBase;

/**
 * Stands before all else in a context that has a {@link CohortManager}, which puts it there. Before
 * a request: the session that it asks for is here, and its id tells this instance's route. After
 * it, and before the answer is finished: what it changed is saved.
 */
public class CohortValve extends ValveBase {
  private static final List<String> OF_THE_PAGE = List.of("Accept-Ranges", "Cache-Control",
      "Content-Disposition", "Content-Encoding", "Content-Length", "Content-Range", "ETag",
      "Expires", "Last-Modified", "Transfer-Encoding");

  static final String CHANGED = "another instance has changed the session meanwhile; try again";

  private final CohortManager manager;

  /** Of the manager's context. */
  CohortValve(CohortManager manager) {
    super(true);
    this.manager = manager;
  }

  @Override
  public void invoke(Request request, Response response) throws IOException, ServletException {
    if (WaitingAnswer.refuseIfDispatched(request, response)) return;
    if (!manager.isReady()) {
      getNext().invoke(request, response);
      return;
    }
    try {
      prepare(request);
    } catch (IOException e) {
      manager.counters().refusedRequests.increment();
      refuse(response, "this instance cannot say yet what the session holds; try again");
      return;
    }
    // Do the valves around this one allow it? What is further in does not matter.
    Passage passage = new Passage(request, response, request.isAsyncSupported());
    SavingOutput output = SavingOutput.insert(response.getCoyoteResponse(), passage::saveNow);
    boolean done = false;
    try {
      getNext().invoke(request, response);
      done = true;
    } finally {
      if (output != null) output.remove();
      Saved saved = done ? passage.saveOrLeave() : passage.saveAtEnd();
      if (done && saved == Saved.CONFLICT && !response.isCommitted()) {
        refuse(response, CHANGED);
      }
    }
  }

  // The cookie and the request get the id that this instance gives to the session. The store hears
  // of the use now, since the request may last longer than the session has left.
  private void prepare(Request request) throws IOException {
    String asked = request.getRequestedSessionId();
    if (asked == null) return;
    CohortSession found = manager.findOrThrow(asked);
    if (found == null || (manager.isReady() && !manager.saver().touch(found))) return;
    if (!(manager.whileFound(found, () -> request.getSessionInternal(false))
                instanceof CohortSession session)) {
      CohortSession again = manager.findOrThrow(asked);
      if (again == null || !again.isValid()) return;
      throw new IOException("the session was there, and could not be found again");
    }
    String id = session.getIdInternal();
    if (!id.equals(asked)) request.changeSessionId(id);
  }

  /** One request between its way in and its way out. */
  private final class Passage {
    private final Request request;
    private final Response response;
    private final boolean mayBeAsync;
    private boolean refused;
    private boolean heldUp;

    Passage(Request request, Response response, boolean asyncSupported) {
      this.request = request;
      this.response = response;
      mayBeAsync = asyncSupported && manager.waits().isAsyncAllowed();
    }

    /** A part of the answer is about to be sent. */
    Saved saveNow() {
      // Once for all parts of the answer.
      Saved saved =
          save(request.getSessionInternal(false), ours -> manager.saver().saveNow(ours, !heldUp));
      heldUp = saved == Saved.HELD_UP;
      return saved;
    }

    Saved saveAtEnd() {
      Session session = request.getSessionInternal(false);
      // What it does later, it does in another thread or passage.
      boolean leaves = !request.isAsync();
      if (leaves && session instanceof CohortSession ours) ours.leaveRequest();
      return save(
          session, ours -> manager.saver().saveAtEnd(ours, leaves && response.isCommitted()));
    }

    /** The same; null: the answer goes when it is saved, and this thread has no part in that. */
    Saved saveOrLeave() throws IOException {
      Session session = request.getSessionInternal(false);
      if (!(session instanceof CohortSession ours) || !mayBeLeft()) return saveAtEnd();
      SaveWaits waits = manager.waits();
      if (waits.takeThread()) {
        try {
          return saveAtEnd();
        } finally {
          waits.giveThreadBack();
        }
      }
      LateAnswer answer = HeldAnswer.of(request, response, waits);
      if (answer == null && mayBeAsync) answer = new WaitingAnswer(request, waits);
      if (answer == null) return saveAtEnd();
      ours.leaveRequest();
      Saved saved = Saved.UNCHANGED;
      try {
        // Who stops the application looks for answers after that has been forbidden.
        SessionSaver saver = manager.saver();
        saved =
            waits.mayLeave() ? saver.saveAtEnd(ours, answer::saved) : saver.saveAtEnd(ours, false);
      } finally {
        if (saved != null) waits.onAnswerGoes();
      }
      if (saved == null) saved = answer.begin();
      if (saved != null) return saved;
      manager.counters().asyncAnswers.increment();
      if (answer instanceof HeldAnswer) manager.counters().heldAnswers.increment();
      return saved;
    }

    private boolean mayBeLeft() {
      return manager.waits().mayLeave() && manager.isReplicated() && !refused
          && request.getAsyncContextInternal() == null && !response.isCommitted()
          && !response.isErrorReportRequired() && !isFinishedByTomcat();
    }

    // Only at the end of a request that is no asynchronous one: another protocol, the bytes of a
    // file.
    private boolean isFinishedByTomcat() {
      return response.getStatus() == HttpServletResponse.SC_SWITCHING_PROTOCOLS
          || request.getAttribute(Globals.SENDFILE_FILENAME_ATTR) != null;
    }

    // Also if the session is not touched: another request may be sending what this one has changed.
    private Saved save(Session session, Function<CohortSession, Saved> how) {
      if (refused) return Saved.CONFLICT;
      if (!(session instanceof CohortSession ours)) return Saved.UNCHANGED;
      Saved saved = how.apply(ours);
      refused = saved == Saved.CONFLICT;
      return saved;
    }
  }

  // What the application has said of its own page does not hold of this one.
  static void refuse(Response response, String why) throws IOException {
    org.apache.coyote.Response answer = response.getCoyoteResponse();
    answer.setContentLength(-1);
    for (String name : OF_THE_PAGE) answer.getMimeHeaders().removeHeader(name);
    response.sendError(HttpServletResponse.SC_SERVICE_UNAVAILABLE, why);
  }
}

package io.cohort.tomcat;

import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
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
  private final CohortManager manager;

  /** Of the manager's context. */
  CohortValve(CohortManager manager) {
    super(true);
    this.manager = manager;
  }

  @Override
  public void invoke(Request request, Response response) throws IOException, ServletException {
    if (!manager.isReady()) {
      getNext().invoke(request, response);
      return;
    }
    CohortSession before;
    try {
      before = find(request);
    } catch (IOException e) {
      manager.counters().refusedRequests.increment();
      refuse(response, "this instance cannot say yet what the session holds; try again");
      return;
    }
    if (before != null) before.enterRequest();
    SavingOutput output = SavingOutput.insert(response.getCoyoteResponse(), () -> saveNow(request));
    boolean done = false;
    try {
      getNext().invoke(request, response);
      done = true;
    } finally {
      if (output != null) output.remove();
      if (before != null) before.leaveRequest();
      Saved saved = save(request, response);
      if (done && saved == Saved.CONFLICT && !response.isCommitted()) {
        refuse(response, "another instance has changed the session meanwhile; try again");
      }
    }
  }

  // The cookie and the request get the id that this instance gives to the session.
  private CohortSession find(Request request) throws IOException {
    String asked = request.getRequestedSessionId();
    if (asked == null || manager.findSession(asked) == null) return null;
    if (!(request.getSessionInternal(false) instanceof CohortSession session)) return null;
    String id = session.getIdInternal();
    if (!id.equals(asked)) request.changeSessionId(id);
    return session;
  }

  private Saved save(Request request, Response response) {
    Session session = request.getSessionInternal(false);
    if (!(session instanceof CohortSession ours)) return Saved.UNCHANGED;
    boolean tooLate = response.isCommitted() && !request.isAsync();
    return manager.save(ours, tooLate);
  }

  // A part of the answer is about to be sent.
  private Saved saveNow(Request request) {
    Session session = request.getSessionInternal(false);
    if (!(session instanceof CohortSession ours) || !ours.isTouched()) return Saved.UNCHANGED;
    return manager.save(ours, false);
  }

  private static void refuse(Response response, String why) throws IOException {
    response.sendError(HttpServletResponse.SC_SERVICE_UNAVAILABLE, why);
  }
}

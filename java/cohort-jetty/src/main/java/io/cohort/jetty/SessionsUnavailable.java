package io.cohort.jetty;

import org.eclipse.jetty.http.HttpException;
import org.eclipse.jetty.http.HttpStatus;

/**
 * This instance cannot say now whether there is such a session: the request is answered with 503.
 * An Error, because Jetty takes an exception for "there is none", and the user would begin anew.
 */
final class SessionsUnavailable extends Error implements HttpException {
  private static final long serialVersionUID = 1;

  SessionsUnavailable(Throwable cause) {
    super("this instance cannot say yet what the session holds; try again", cause);
  }

  @Override
  public int getCode() {
    return HttpStatus.SERVICE_UNAVAILABLE_503;
  }

  @Override
  public String getReason() {
    return getMessage();
  }
}

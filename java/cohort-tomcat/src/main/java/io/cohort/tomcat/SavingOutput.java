package io.cohort.tomcat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import org.apache.coyote.ActionCode;
import org.apache.coyote.ActionHook;
import org.apache.coyote.OutputBuffer;
import org.apache.coyote.Response;

/**
 * Where a response's headers and body go while a request is in {@link CohortValve}: what the
 * request has changed by then is saved before any of it. Without that a page that is larger than
 * the buffer, one that is flushed, or (Tomcat 11) one that has as many bytes as its Content-Length
 * says, would be answered first.
 */
final class SavingOutput implements OutputBuffer, ActionHook {
  private static final Field OUTPUT = TomcatFields.OUTPUT;
  private static final Field HOOK = TomcatFields.HOOK;

  /** Saves the session of the request. */
  interface Save {
    Saved now();
  }

  private final OutputBuffer output;
  private final ActionHook hook;
  private final Response response;
  private final Save save;
  private final Thread thread = Thread.currentThread();
  private boolean saving;

  private SavingOutput(OutputBuffer output, ActionHook hook, Response response, Save save) {
    this.output = output;
    this.hook = hook;
    this.response = response;
    this.save = save;
  }

  /** Does this Tomcat allow it? Else such answers are sent before the save, and counted. */
  static boolean isPossible() {
    return OUTPUT != null && HOOK != null;
  }

  /** Puts itself before what is there, for the thread that calls; null: there is nothing. */
  static SavingOutput insert(Response response, Save save) {
    if (!isPossible()) return null;
    try {
      OutputBuffer there = (OutputBuffer) OUTPUT.get(response);
      ActionHook hook = (ActionHook) HOOK.get(response);
      if (there == null || hook == null || there instanceof SavingOutput) return null;
      SavingOutput inserted = new SavingOutput(there, hook, response, save);
      HOOK.set(response, inserted);
      response.setOutputBuffer(inserted);
      return inserted;
    } catch (IllegalAccessException e) {
      return null;
    }
  }

  /** The response is as it was. */
  void remove() {
    response.setOutputBuffer(output);
    try {
      HOOK.set(response, hook);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The headers are sent by an action, also where there is no body yet. */
  @Override
  public void action(ActionCode code, Object parameter) {
    if (code == ActionCode.COMMIT && Thread.currentThread() == thread && !saving) {
      try {
        saveFirst();
      } catch (IOException e) {
        // Nothing has been sent: the valve answers.
        throw new UncheckedIOException(e);
      }
    }
    hook.action(code, parameter);
  }

  @Override
  public int doWrite(ByteBuffer chunk) throws IOException {
    if (Thread.currentThread() == thread && !saving) saveFirst();
    return output.doWrite(chunk);
  }

  private void saveFirst() throws IOException {
    Saved saved;
    saving = true;
    try {
      saved = save.now();
    } finally {
      saving = false;
    }
    if (saved != Saved.CONFLICT) return;
    IOException refused =
        new IOException("another instance has changed the session meanwhile; try again");
    // Else the valve still can say so. Who gets no whole answer knows that the request may have
    // failed.
    if (response.isCommitted()) response.action(ActionCode.CLOSE_NOW, refused);
    throw refused;
  }

  @Override
  public long getBytesWritten() {
    return output.getBytesWritten();
  }
}

package io.cohort.tomcat;

import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import org.apache.coyote.ActionCode;
import org.apache.coyote.OutputBuffer;
import org.apache.coyote.Response;

/**
 * Where a response's body goes while a request is in {@link CohortValve}: what the request has
 * changed by then is saved before any of it. Without that a page that is larger than the buffer, or
 * (Tomcat 11) one that has as many bytes as its Content-Length says, would be answered first.
 */
final class SavingOutput implements OutputBuffer {
  // Tomcat has a method that sets it, but none that gets it. Null: this Tomcat has no such field.
  private static final Field OUTPUT = findOutput();

  /** Saves the session of the request. */
  interface Save {
    Saved now();
  }

  private final OutputBuffer output;
  private final Response response;
  private final Save save;
  private final Thread thread = Thread.currentThread();
  private boolean saving;

  private SavingOutput(OutputBuffer output, Response response, Save save) {
    this.output = output;
    this.response = response;
    this.save = save;
  }

  private static Field findOutput() {
    try {
      Field field = Response.class.getDeclaredField("outputBuffer");
      field.setAccessible(true);
      return field;
    } catch (ReflectiveOperationException | RuntimeException notThisTomcat) {
      return null;
    }
  }

  /** Does this Tomcat allow it? Else such answers are sent before the save, and counted. */
  static boolean isPossible() {
    return OUTPUT != null;
  }

  /** Puts itself before what is there, for the thread that calls; null: there is nothing. */
  static SavingOutput insert(Response response, Save save) {
    if (OUTPUT == null) return null;
    try {
      OutputBuffer there = (OutputBuffer) OUTPUT.get(response);
      if (there == null || there instanceof SavingOutput) return null;
      SavingOutput inserted = new SavingOutput(there, response, save);
      response.setOutputBuffer(inserted);
      return inserted;
    } catch (IllegalAccessException e) {
      return null;
    }
  }

  /** The response is as it was. */
  void remove() {
    response.setOutputBuffer(output);
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

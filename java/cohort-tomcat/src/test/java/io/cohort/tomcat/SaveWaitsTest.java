package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jakarta.servlet.ServletRequestListener;
import jakarta.servlet.http.HttpSessionListener;
import org.apache.catalina.core.StandardContext;
import org.junit.jupiter.api.Test;

/** Which requests wait for their saves with their threads. */
class SaveWaitsTest {
  private final SaveWaits waits = new SaveWaits();

  @Test
  void aFewThreadsWait() {
    for (int i = 0; i < SaveWaits.THREADS_MAX; ++i) assertTrue(waits.takeThread());
    assertFalse(waits.takeThread());
    assertFalse(waits.takeThread());
    waits.giveThreadBack();
    assertTrue(waits.takeThread());
    assertFalse(waits.takeThread());
  }

  @Test
  void noneWaitsWhileAnAnswerDoesWithout() {
    waits.onAnswerWaits();
    assertFalse(waits.takeThread());
    waits.onAnswerGoes();
    assertTrue(waits.takeThread());
  }

  @Test
  void anApplicationThatIsToldOfItsRequestsIsKnown() {
    StandardContext context = new StandardContext();
    assertFalse(SaveWaits.isListened(context));
    context.setApplicationEventListeners(new Object[] {new HttpSessionListener(){}});
    assertFalse(SaveWaits.isListened(context));
    context.setApplicationEventListeners(
        new Object[] {new HttpSessionListener(){}, new ServletRequestListener(){}});
    assertTrue(SaveWaits.isListened(context));
  }
}

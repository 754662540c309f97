package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jakarta.servlet.ServletRequestListener;
import jakarta.servlet.http.HttpSessionListener;
import org.apache.catalina.core.StandardContext;
import org.junit.jupiter.api.Test;

/** Which applications' requests wait for their saves with their threads. */
class SaveWaitsTest {
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

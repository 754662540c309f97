package io.cohort.tomcat;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import jakarta.servlet.http.Cookie;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import org.apache.catalina.authenticator.Constants;
import org.apache.catalina.authenticator.SavedRequest;
import org.apache.catalina.session.StandardSession;
import org.apache.tomcat.util.buf.ByteChunk;
import org.junit.jupiter.api.Test;

/** What goes along of a login that is under way. */
class LoginStateTest {
  private static SavedRequest newRequest() {
    SavedRequest request = new SavedRequest();
    request.setMethod("POST");
    request.setRequestURI("/shop/b%C3%BCy");
    request.setDecodedRequestURI("/shop/büy");
    request.setQueryString("a=1&b=");
    request.setContentType("text/plain");
    request.addHeader("accept", "text/html");
    request.addHeader("accept", "text/plain");
    request.addCookie(new Cookie("color", "red"));
    request.addLocale(Locale.CANADA_FRENCH);
    ByteChunk body = new ByteChunk();
    byte[] text = "body".getBytes(StandardCharsets.US_ASCII);
    body.setBytes(text, 0, text.length);
    request.setBody(body);
    request.setOriginalMaxInactiveInterval(-1);
    return request;
  }

  private static StandardSession newSession() {
    StandardSession session = new StandardSession(null);
    session.setId("A.n1", false);
    return session;
  }

  @Test
  void anInterruptedRequestComesBackAsItWas() throws IOException {
    byte[] bytes = InterruptedRequest.encode(newRequest());
    SavedRequest back = InterruptedRequest.decode(bytes);
    assertArrayEquals(bytes, InterruptedRequest.encode(back));
    assertEquals("/shop/büy", back.getDecodedRequestURI());
    assertEquals("body", back.getBody().toString());
    assertEquals("red", back.getCookies().next().getValue());
    assertEquals(Locale.CANADA_FRENCH, back.getLocales().next());
    assertEquals(-1, back.getOriginalMaxInactiveIntervalOptional());
  }

  @Test
  void anEmptyRequestComesBackEmpty() throws IOException {
    SavedRequest request = new SavedRequest();
    request.setMethod("GET");
    request.setDecodedRequestURI("/shop/");
    SavedRequest back = InterruptedRequest.decode(InterruptedRequest.encode(request));
    assertNull(back.getQueryString());
    assertNull(back.getBody());
    assertNull(back.getOriginalMaxInactiveIntervalOptional());
  }

  @Test
  void aRequestThatIsCutOffIsNone() {
    byte[] bytes = InterruptedRequest.encode(newRequest());
    for (int length = 0; length < bytes.length; ++length) {
      byte[] cut = Arrays.copyOf(bytes, length);
      assertThrows(IOException.class, () -> InterruptedRequest.decode(cut));
    }
  }

  @Test
  void aBodyThatSaysItIsHugeIsNone() {
    SavedRequest request = new SavedRequest();
    request.setMethod("POST");
    request.setDecodedRequestURI("/");
    request.setBody(new ByteChunk());
    byte[] bytes = InterruptedRequest.encode(request);
    bytes[bytes.length - 5] = 0x7f;
    assertThrows(IOException.class, () -> InterruptedRequest.decode(bytes));
  }

  @Test
  void whatIsNotTomcatsOrCutOffIsNoLogin() {
    StandardSession session = newSession();
    session.setNote(Constants.FORM_REQUEST_NOTE, newRequest());
    byte[] bytes = LoginState.of(session, new byte[] {1, 2}).encode();
    for (int length = 0; length < bytes.length; ++length) {
      assertEquals(LoginState.NONE, LoginState.decode(Arrays.copyOf(bytes, length)));
    }
    bytes[0] = 'J';
    assertEquals(LoginState.NONE, LoginState.decode(bytes));
    assertEquals(LoginState.NONE, LoginState.decode(null));
  }

  @Test
  void theFormBelongsToTheIdThatTheSessionHasAtTheOtherInstance() {
    StandardSession session = newSession();
    session.setNote(Constants.SESSION_ID_NOTE, "A.n1");
    byte[] bytes = LoginState.of(session, null).encode();
    StandardSession there = newSession();
    there.setId("A.n2", false);
    LoginState.decode(bytes).restoreForm(there);
    assertEquals("A.n2", there.getNote(Constants.SESSION_ID_NOTE));
    assertNull(there.getNote(Constants.FORM_REQUEST_NOTE));
  }

  @Test
  void aFormThatWasShownUnderAnotherIdIsNotTakenForOneOfTheSession() {
    StandardSession session = newSession();
    session.setNote(Constants.SESSION_ID_NOTE, "B.n1");
    assertNull(LoginState.of(session, null).encode());
  }

  @Test
  void aRequestThatIsTooLargeStaysHereAndTheFormGoes() {
    SavedRequest large = newRequest();
    large.addHeader("x", "y".repeat(LoginState.REQUEST_BYTES_MAX));
    SavedRequest larger = newRequest();
    larger.addHeader("x", "y".repeat(70_000));
    for (SavedRequest each : new SavedRequest[] {large, larger}) {
      StandardSession session = newSession();
      session.setNote(Constants.FORM_REQUEST_NOTE, each);
      session.setNote(Constants.SESSION_ID_NOTE, "A.n1");
      LoginState state = LoginState.decode(LoginState.of(session, null).encode());
      assertNull(state.request());
      assertTrue(state.formShown());
    }
  }
}

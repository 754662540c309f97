package io.cohort.web;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpSession;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

/**
 * A counter in each session, with all that a test needs to know what became of it. Answers are JSON
 * on one line.
 *
 * <pre>
 *   POST /add?request=ID   counts, sets a 4 KiB attribute; answers the number, and which request
 *                          counted before
 *   GET  /read             the same without counting; makes no session
 *   POST /login?user=NAME  a new id for the session (changeSessionId)
 *   POST /logout           ends the session
 *   POST /local            sets an attribute that cannot be serialized
 *   POST /in-place         adds to a list in the session, without setting it again
 *   POST /shop?item=NAME   counts, and puts NAME into a basket, with a coupon: objects of the
 *                          application's own classes, which differ by its release
 *   GET  /basket           both, where they can be read
 *   POST /page?bytes=N     counts, and answers so much that the response begins before the servlet
 *                          ends
 *   GET  /who              who has logged in by the server's own form, where it asks for that
 *   GET  /slow?ms=N        takes its time
 *   GET  /digest           of all sessions, as the connector's JMX bean tells; touches none
 *   GET  /health           touches no session
 * </pre>
 */
public final class CounterServlet extends HttpServlet {
  private static final int PAYLOAD_BYTES = 4096;
  private static final int PAGE_BYTES_MAX = 1 << 20;
  private static final long SLOW_MS_MAX = 60_000;

  // The containers' own objects for sessions are wrappers that differ by request.
  private static final Object[] LOCKS = new Object[1024];

  static {
    Arrays.setAll(LOCKS, i -> new Object());
  }

  /** What stays on its instance. */
  private static final class Local {}

  @Override
  protected void doGet(HttpServletRequest request, HttpServletResponse response)
      throws IOException {
    switch (action(request)) {
      case "/health" -> answer(response, "{}");
      case "/digest" -> answer(response, digest());
      case "/read" -> answer(response, describe(request.getSession(false), null));
      case "/basket" -> answer(response, basket(request.getSession(false)));
      case "/who" -> {
        StringBuilder out = new StringBuilder("{\"route\":\"").append(route()).append('"');
        text(out, "session", (String) request.getSession().getAttribute("token"));
        text(out, "who", request.getRemoteUser());
        text(out, "page", clean(request.getParameter("page")));
        answer(response, out.append('}').toString());
      }
      case "/slow" -> {
        long end = System.nanoTime() + 1_000_000 * number(request, "ms", SLOW_MS_MAX);
        for (long left; (left = end - System.nanoTime()) > 0;) LockSupport.parkNanos(left);
        answer(response, describe(request.getSession(false), null));
      }
      default -> response.sendError(HttpServletResponse.SC_NOT_FOUND);
    }
  }

  @Override
  protected void doPost(HttpServletRequest request, HttpServletResponse response)
      throws IOException {
    switch (action(request)) {
      case "/add" -> answer(response, count(request));
      case "/shop" -> {
        count(request);
        answer(response, shop(request.getSession(), clean(request.getParameter("item"))));
      }
      case "/page" -> {
        String counted = count(request);
        long bytes = number(request, "bytes", PAGE_BYTES_MAX);
        answer(response, counted + " ".repeat((int) bytes));
      }
      case "/login" -> answer(response, login(request));
      case "/logout" -> {
        HttpSession session = request.getSession(false);
        if (session != null)
          session.invalidate();
        answer(response, "{}");
      }
      case "/local" -> {
        request.getSession().setAttribute("local", new Local());
        answer(response, count(request));
      }
      case "/in-place" -> {
        addInPlace(request.getSession());
        answer(response, describe(request.getSession(), null));
      }
      default -> response.sendError(HttpServletResponse.SC_NOT_FOUND);
    }
  }

  private static String count(HttpServletRequest request) {
    HttpSession session = request.getSession();
    synchronized (LOCKS[Math.floorMod(session.getId().hashCode(), LOCKS.length)]) {
      if (session.getAttribute("token") == null) {
        session.setAttribute("token", UUID.randomUUID().toString());
      }
      Long n = (Long) session.getAttribute("n");
      String before = (String) session.getAttribute("request");
      long now = n == null ? 1 : n + 1;
      session.setAttribute("n", now);
      session.setAttribute("request", clean(request.getParameter("request")));
      session.setAttribute("payload", payload(now));
      return describe(session, before);
    }
  }

  private static String login(HttpServletRequest request) {
    HttpSession session = request.getSession();
    request.changeSessionId();
    session.setAttribute("user", clean(request.getParameter("user")));
    return describe(session, null);
  }

  @SuppressWarnings("unchecked")
  private static void addInPlace(HttpSession session) {
    List<String> list = (List<String>) session.getAttribute("list");
    if (list == null)
      session.setAttribute("list", new ArrayList<>(List.of("first")));
    else
      list.add("next");
  }

  private static String shop(HttpSession session, String item) {
    Basket basket = (Basket) session.getAttribute("basket");
    if (basket == null)
      basket = new Basket();
    basket.add(item);
    session.setAttribute("basket", basket);
    if (session.getAttribute("coupon") == null)
      session.setAttribute("coupon", new Coupon());
    return basket(session);
  }

  private static String basket(HttpSession session) {
    StringBuilder out = new StringBuilder("{\"route\":\"").append(route()).append('"');
    for (String name : List.of("basket", "coupon")) {
      Object value = session == null ? null : session.getAttribute(name);
      text(out, name, value == null ? null : value.toString());
    }
    text(out, "session", session == null ? null : (String) session.getAttribute("token"));
    return out.append('}').toString();
  }

  /** The session in words of JSON; `session` is a name that survives a change of id. */
  private static String describe(HttpSession session, String before) {
    StringBuilder out = new StringBuilder("{\"route\":\"").append(route()).append('"');
    if (session == null)
      return out.append(",\"session\":\"\",\"n\":0}").toString();
    Long n = (Long) session.getAttribute("n");
    List<?> list = (List<?>) session.getAttribute("list");
    text(out, "session", (String) session.getAttribute("token"));
    out.append(",\"n\":").append(n == null ? 0 : n);
    text(out, "request", (String) session.getAttribute("request"));
    text(out, "before", before);
    text(out, "user", (String) session.getAttribute("user"));
    out.append(",\"list\":").append(list == null ? 0 : list.size());
    out.append(",\"local\":").append(session.getAttribute("local") != null);
    // Both were set by one request: a replica that has one has the other.
    byte[] bytes = (byte[]) session.getAttribute("payload");
    boolean whole = n == null ? bytes == null : Arrays.equals(bytes, payload(n));
    return out.append(",\"whole\":").append(whole).append('}').toString();
  }

  private static void text(StringBuilder out, String name, String value) {
    out.append(",\"").append(name).append("\":\"").append(value == null ? "" : value).append('"');
  }

  private static byte[] payload(long n) {
    ByteBuffer bytes = ByteBuffer.allocate(PAYLOAD_BYTES);
    long word = n * 0x9E3779B97F4A7C15L;
    while (bytes.hasRemaining()) bytes.putLong(word += 0x632BE59BD9B4E019L);
    return bytes.array();
  }

  // What users may ask by JMX, too: of Tomcat's connector, or of Jetty's.
  private static String digest() throws IOException {
    String digest = "";
    long sessions = 0;
    try {
      MBeanServer beans = ManagementFactory.getPlatformMBeanServer();
      for (ObjectName bean : beans.queryNames(new ObjectName("Catalina:type=Cohort,*"), null)) {
        digest = (String) beans.getAttribute(bean, "digest");
        sessions = (Long) beans.getAttribute(bean, "sessions");
      }
      String jetty = "io.cohort.jetty:type=cohortsessiondatastore,*";
      for (ObjectName bean : beans.queryNames(new ObjectName(jetty), null)) {
        digest = (String) beans.getAttribute(bean, "digest");
        sessions = (Long) beans.getAttribute(bean, "sessionCount");
      }
    } catch (JMException e) {
      throw new IOException(e);
    }
    StringBuilder out = new StringBuilder("{\"route\":\"").append(route()).append('"');
    text(out, "digest", digest);
    return out.append(",\"sessions\":").append(sessions).append('}').toString();
  }

  private static String route() {
    return System.getProperty("web.route", "");
  }

  private static String action(HttpServletRequest request) {
    String path = request.getPathInfo();
    return path == null ? "" : path;
  }

  private static long number(HttpServletRequest request, String name, long max) {
    String word = clean(request.getParameter(name));
    return word.matches("[0-9]{1,9}") ? Math.min(max, Long.parseLong(word)) : 0;
  }

  private static String clean(String word) {
    return word == null ? "" : word.replaceAll("[^A-Za-z0-9._-]", "_");
  }

  private static void answer(HttpServletResponse response, String json) throws IOException {
    byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
    response.setContentType("application/json");
    response.setContentLength(bytes.length);
    response.getOutputStream().write(bytes);
  }
}

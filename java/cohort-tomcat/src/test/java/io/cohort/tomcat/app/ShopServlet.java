package io.cohort.tomcat.app;

import jakarta.servlet.AsyncContext;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpSession;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** An application whose requests are one step each: {@code /shop/STEP?name=...&value=...}. */
public class ShopServlet extends HttpServlet {
  private static final long serialVersionUID = 1;

  @Override
  protected void service(HttpServletRequest request, HttpServletResponse response)
      throws IOException {
    String step = request.getPathInfo().substring(1);
    String name = request.getParameter("name");
    response.setContentType("text/plain");
    String said = String.valueOf(doStep(step, name, request, response));
    boolean isFile = request.getAttribute("org.apache.tomcat.sendfile.filename") != null;
    if (!response.isCommitted() && !request.isAsyncStarted() && !isFile)
      response.getWriter().print(said);
  }

  private Object doStep(String step, String name, HttpServletRequest request,
      HttpServletResponse response) throws IOException {
    String value = request.getParameter("value");
    if (step.equals("id")) {
      HttpSession there = request.getSession(false);
      return there == null ? "none" : there.getId();
    }
    if (step.equals("public")) return "public";
    if (step.equals("encode")) return response.encodeURL("/shop/id");
    HttpSession session = request.getSession();
    String seconds = request.getParameter("seconds");
    if (seconds != null) session.setMaxInactiveInterval(Integer.parseInt(seconds));
    switch (step) {
      case "set" -> session.setAttribute(name, value);
      case "remove" -> session.removeAttribute(name);
      case "cart" -> session.setAttribute(name, new Cart());
      case "add" -> ((Cart) session.getAttribute(name)).add(value);
      case "local" ->
        session.setAttribute(name, new Object() {
          @Override
          public String toString() {
            return "local";
          }
        });
      case "arriving" -> session.setAttribute(name, new Arriving());
      case "add-late", "add-waiting" -> {
        Cart cart = (Cart) session.getAttribute(name);
        addLate(step, cart, value, response);
        return cart;
      }
      case "new-cart" -> {
        Cart cart = new Cart();
        session.setAttribute(name, cart);
        await(value);
        cart.add(value);
      }
      case "waiting-change-id" -> {
        await(value);
        request.changeSessionId();
      }
      case "bytes", "length-of" -> {
        if (step.equals("bytes")) session.setAttribute(name, new byte[Integer.parseInt(value)]);
        byte[] bytes = (byte[]) session.getAttribute(name);
        return bytes == null ? null : bytes.length;
      }
      case "slow" -> session.setAttribute(name, new Slow());
      case "waiting" -> session.setAttribute(name, new Waiting());
      case "counter" -> session.setAttribute(name, new AtomicInteger());
      case "count" -> ((AtomicInteger) session.getAttribute(name)).incrementAndGet();
      case "invalidate" -> session.invalidate();
      case "change-id" -> request.changeSessionId();
      case "fail" -> {
        session.setAttribute(name, value);
        throw new IllegalStateException("the application fails");
      }
      default -> {
        return answer(step, name, value, request, response);
      }
    }
    return name == null || step.equals("invalidate") ? "ok" : session.getAttribute(name);
  }

  private static void sendFile(
      String path, HttpServletRequest request, HttpServletResponse response) {
    request.getSession().setAttribute("file", path);
    long bytes = new File(path).length();
    response.setContentLengthLong(bytes);
    request.setAttribute("org.apache.tomcat.sendfile.filename", path);
    request.setAttribute("org.apache.tomcat.sendfile.start", 0L);
    request.setAttribute("org.apache.tomcat.sendfile.end", bytes);
  }

  // Steps that are about the answer.
  private Object answer(String step, String name, String value, HttpServletRequest request,
      HttpServletResponse response) throws IOException {
    HttpSession session = request.getSession();
    switch (step) {
      case "tagged" -> {
        session.setAttribute(name, value);
        response.setContentLength(1000);
        response.setHeader("ETag", "\"page\"");
        response.setHeader("Content-Encoding", "none");
        await(value);
      }
      case "file" -> sendFile(value, request, response);
      case "early" -> {
        response.getWriter().print("gone");
        response.flushBuffer();
        session.setAttribute(name, value);
        return "gone";
      }
      case "length" -> {
        session.setAttribute(name, value);
        response.setContentLength(value.length());
        response.getOutputStream().write(value.getBytes(StandardCharsets.US_ASCII));
        return value;
      }
      case "page" -> {
        response.getWriter().print("x".repeat(100_000));
        return "";
      }
      case "large" -> {
        if (request.getParameter("flush") != null) response.flushBuffer();
        session.setAttribute(name, value);
        if (request.getParameter("wait") != null) await(value);
        response.getWriter().print("x".repeat(100_000));
        return value;
      }
      case "flush-wait" -> {
        session.setAttribute(name, value);
        response.flushBuffer();
        await(value);
      }
      case "wait-flush" -> {
        session.setAttribute(name, value);
        await(value);
        response.flushBuffer();
      }
      case "wait" -> {
        session.setAttribute(name, value);
        await(value);
      }
      case "stay" -> await(value);
      case "map" -> session.setAttribute(name, Collections.synchronizedMap(new HashMap<>()));
      case "look" -> {
        session.getAttribute(name);
        return "ok";
      }
      case "hold" -> {
        return doWithMonitor(name, value, request, response);
      }
      case "dispatch", "complete" -> {
        goOnAsynchronously(step, name, value, request, session);
        return "";
      }
      case "user" -> {
        return request.getRemoteUser() + " " + request.getAuthType() + " "
            + request.isUserInRole("buyer") + " " + request.isUserInRole("admin");
      }
      default -> {
      }
    }
    return name == null ? "ok" : session.getAttribute(name);
  }

  // A part of the page is sent, or the test lets it go on, before the cart is changed.
  private void addLate(String step, Cart cart, String value, HttpServletResponse response)
      throws IOException {
    if (step.equals("add-late")) {
      response.getWriter().print("gone");
      response.flushBuffer();
    } else {
      await(value);
    }
    cart.add(value);
  }

  // What encodes the attribute meanwhile waits for it.
  private String doWithMonitor(String name, String value, HttpServletRequest request,
      HttpServletResponse response) throws IOException {
    HttpSession session = request.getSession();
    synchronized (session.getAttribute(name)) {
      await(value);
      switch (value) {
        case "flush" -> {
          session.setAttribute("n", value);
          response.flushBuffer();
        }
        case "invalidate" -> session.invalidate();
        default -> {
          try {
            return request.changeSessionId();
          } catch (IllegalStateException e) {
            return "refused";
          }
        }
      }
      return "done";
    }
  }

  // The test lets it go on.
  private void await(String value) {
    CountDownLatch entered = (CountDownLatch) getServletContext().getAttribute("entered");
    CountDownLatch goOn = (CountDownLatch) getServletContext().getAttribute("goOn");
    entered.countDown();
    try {
      goOn.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(value, e);
    }
  }

  private static void goOnAsynchronously(
      String step, String name, String value, HttpServletRequest request, HttpSession session) {
    AsyncContext context = request.startAsync();
    context.start(() -> {
      session.setAttribute(name, value);
      if (step.equals("dispatch")) {
        context.dispatch("/get");
      } else {
        context.complete();
      }
    });
  }
}

package io.cohort.tomcat;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.CompletableFuture;

/** A user with a session cookie, who goes where the test says. Any threads. */
final class Browser {
  private static final HttpClient CLIENT = HttpClient.newHttpClient();

  private volatile String id;
  private volatile String singleSignOn;

  /** The session's id, with its route; null: none yet. */
  String id() {
    return id;
  }

  /** As a client that makes one up. */
  Browser withId(String value) {
    id = value;
    return this;
  }

  /** The cookie of single sign-on; null: none. */
  String singleSignOn() {
    return singleSignOn;
  }

  String storeId() {
    return SessionIds.ofStore(id);
  }

  HttpResponse<String> ask(Instance at, String step) throws IOException, InterruptedException {
    return send(at.port(), step, null);
  }

  /** By a thread of its own; what fails is in the answer. */
  CompletableFuture<HttpResponse<String>> askLater(Instance at, String step) {
    return CompletableFuture.supplyAsync(() -> {
      try {
        return ask(at, step);
      } catch (Exception e) {
        throw new IllegalStateException(e);
      }
    }, task -> new Thread(task).start()); // The common pool may have one thread only.
  }

  HttpResponse<String> post(Instance at, String step, String form)
      throws IOException, InterruptedException {
    return send(at.port(), step, form);
  }

  HttpResponse<String> send(int port, String step, String form)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/shop/" + step));
    if (id != null) request.header("Cookie", "JSESSIONID=" + id);
    if (singleSignOn != null) request.header("Cookie", "JSESSIONIDSSO=" + singleSignOn);
    if (form != null) {
      request.header("Content-Type", "application/x-www-form-urlencoded");
      request.POST(HttpRequest.BodyPublishers.ofString(form));
    }
    HttpResponse<String> response = CLIENT.send(request.build(), BodyHandlers.ofString());
    for (String cookie : response.headers().allValues("Set-Cookie")) {
      if (cookie.startsWith("JSESSIONID=")) id = cookie.substring(11).split(";")[0];
      if (cookie.startsWith("JSESSIONIDSSO=")) {
        boolean over = cookie.contains("Max-Age=0") || cookie.contains("1970");
        singleSignOn = over ? null : cookie.substring(14).split(";")[0];
      }
    }
    return response;
  }

  /** The text of an answer that has to be 200. */
  String get(Instance at, String step) throws IOException, InterruptedException {
    HttpResponse<String> response = ask(at, step);
    if (response.statusCode() != 200) {
      throw new AssertionError(response.statusCode() + " " + response.body());
    }
    return response.body();
  }
}

package io.cohort.jetty;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;

/** A user with a cookie, who goes to whatever server the test says. */
final class Browser {
  private static final HttpClient CLIENT =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  volatile String cookie = "";

  /** What the page says; it must be there. */
  String get(Instance instance, String path) throws Exception {
    HttpResponse<String> response = ask(instance, path);
    if (response.statusCode() != 200) {
      throw new AssertionError(path + ": " + response.statusCode() + " " + response.body());
    }
    return response.body();
  }

  HttpResponse<String> ask(Instance instance, String path) throws Exception {
    return askLater(instance, path).get();
  }

  CompletableFuture<HttpResponse<String>> askLater(Instance instance, String path) {
    return askLater(instance.uri(path));
  }

  CompletableFuture<HttpResponse<String>> askLater(String uri) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(uri)).timeout(Duration.ofSeconds(120));
    if (!cookie.isEmpty()) request.header("Cookie", cookie);
    return CLIENT.sendAsync(request.build(), HttpResponse.BodyHandlers.ofString())
        .thenApply(response -> {
          response.headers()
              .firstValue("Set-Cookie")
              .ifPresent(value -> cookie = value.substring(0, value.indexOf(';')));
          return response;
        });
  }

  /** The same user in another window. */
  Browser again() {
    Browser same = new Browser();
    same.cookie = cookie;
    return same;
  }

  /** What follows the last dot of the session's id. */
  String route() {
    return cookie.substring(cookie.lastIndexOf('.') + 1);
  }

  /** The session's id as the store knows it. */
  String storeId() {
    return cookie.substring(cookie.indexOf('=') + 1, cookie.lastIndexOf('.'));
  }
}

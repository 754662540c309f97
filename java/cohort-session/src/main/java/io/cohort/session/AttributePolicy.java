package io.cohort.session;

import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.Consumer;

/**
 * Which attributes of one application's sessions are replicated: those whose name is not excluded
 * and that can be serialized. The others stay on their instance, and their session goes on.
 *
 * <p>Each combination of name, type and reason is reported once, so that a log has a line for a
 * mistake and not for a request; each case is counted. Any threads.
 */
public final class AttributePolicy {
  /** UTF-8 bytes of a name; the same as of an attribute of the map. At least 1. */
  public static final int NAME_BYTES_MAX = 4096;

  /** What is remembered as reported; what is new beyond that is counted only. */
  public static final int REPORTS_MAX = 1024;

  /**
   * Names that servers put into sessions for an instance alone:
   *
   * <ul>
   *   <li>{@code org.apache.catalina.valves.*}: Tomcat's valve that gathers the sessions of
   * crawlers binds each to the valve object itself; <li>{@code org.eclipse.jetty.security.*}: the
   * user as Jetty's own classes, and the request that a login interrupted. The connector carries
   * the user as {@link SessionPrincipal}, which every server can read.
   * </ul>
   *
   * <p>{@code jakarta.servlet.*} is not among them: what the tag libraries put there, as {@code
   * jakarta.servlet.jsp.jstl.fmt.locale.session}, is the user's.
   */
  public static final List<String> EXCLUDED_DEFAULT =
      List.of("org.apache.catalina.valves.*", "org.eclipse.jetty.security.*");

  private record Reported(String name, String type, Reason reason, boolean arrived) {}

  private final String application;
  private final NamePatterns excluded;
  private final Consumer<AttributeReport> reporter;
  private final AtomicLongArray counts = new AtomicLongArray(Reason.values().length);
  private final Set<Reported> reported = new HashSet<>();

  /** With {@link #EXCLUDED_DEFAULT}, and reports to the log of {@code io.cohort.session}. */
  public AttributePolicy(String application) {
    this(application, EXCLUDED_DEFAULT, logger());
  }

  /**
   * A policy of its own.
   *
   * @param application as the reports should name it: host and context path
   * @param excluded patterns of names, in which {@code *} stands for any characters; at most 256 of
   *     at most 1024 characters. Whoever wants the default ones too puts them in.
   * @param reporter gets each report, on the thread of the request that made it, without a lock
   * @throws IllegalArgumentException if there are too many patterns, or one is empty or too long
   */
  public AttributePolicy(
      String application, List<String> excluded, Consumer<AttributeReport> reporter) {
    this.application = Words.clip(application);
    this.excluded = new NamePatterns(excluded);
    this.reporter = Objects.requireNonNull(reporter, "reporter");
  }

  /** Writes reports to the JDK's log, as warnings. */
  public static Consumer<AttributeReport> logger() {
    System.Logger log = System.getLogger("io.cohort.session");
    return report -> log.log(System.Logger.Level.WARNING, report.words());
  }

  /** Splits what a configuration says: patterns between commas, spaces around them ignored. */
  public static List<String> parsePatterns(String patterns) {
    List<String> parsed = new ArrayList<>();
    for (String pattern : patterns.split(",")) {
      if (!pattern.isBlank()) parsed.add(pattern.strip());
    }
    return parsed;
  }

  /**
   * Why an attribute must not be replicated, or null if it may be. Looks at the name and at the
   * value's own class; what is inside is found by encoding it. Does not report or count.
   */
  public Reason refuses(String name, Object value) {
    if (!isGoodName(name)) return Reason.BAD_NAME;
    if (excluded.match(name)) return Reason.EXCLUDED;
    boolean serializable = value == null || value instanceof Serializable;
    return serializable ? null : Reason.NOT_SERIALIZABLE;
  }

  /** Counts, and reports if it is new, that an attribute stays here. */
  public void keptLocal(String name, EncodeResult.Refused why) {
    report(name, why.type(), why.reason(), why.detail(), false);
  }

  /** Counts, and reports if it is new, that a session came without an attribute. */
  public void dropped(String name, DecodeResult.Dropped why) {
    report(name, why.type(), why.reason(), why.detail(), true);
  }

  /** How often an attribute was kept or dropped for this reason. */
  public long count(Reason reason) {
    return counts.get(reason.ordinal());
  }

  private void report(String name, String type, Reason reason, String detail, boolean arrived) {
    counts.incrementAndGet(reason.ordinal());
    // The one was asked for, the other passes; nobody needs to be told.
    if (reason == Reason.EXCLUDED || reason == Reason.CHANGED_MEANWHILE) return;
    String clipped = Words.clip(name);
    synchronized (reported) {
      Reported what = new Reported(clipped, type, reason, arrived);
      if (reported.size() >= REPORTS_MAX || !reported.add(what)) return;
    }
    reporter.accept(new AttributeReport(application, clipped, type, reason, detail, arrived));
  }

  private static boolean isGoodName(String name) {
    if (name.isEmpty() || name.length() > NAME_BYTES_MAX) return false;
    // An attribute's name is bytes elsewhere: it must come back as it was.
    byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
    return bytes.length <= NAME_BYTES_MAX && new String(bytes, StandardCharsets.UTF_8).equals(name);
  }
}

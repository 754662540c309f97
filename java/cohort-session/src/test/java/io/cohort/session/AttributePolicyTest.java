package io.cohort.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

class AttributePolicyTest {
  private final List<AttributeReport> reports = new ArrayList<>();

  private AttributePolicy policy(String... excluded) {
    return new AttributePolicy("shop.example/cart", List.of(excluded), reports::add);
  }

  private static EncodeResult.Refused why(String type) {
    return new EncodeResult.Refused(Reason.NOT_SERIALIZABLE, type, "");
  }

  @Test
  void whatServersKeepForAnInstanceIsExcludedByDefaultAndWhatIsTheUsersIsNot() {
    AttributePolicy policy = new AttributePolicy("shop");
    assertEquals(Reason.EXCLUDED, policy.refuses("org.eclipse.jetty.security.UserIdentity", "x"));
    assertEquals(Reason.EXCLUDED,
        policy.refuses("org.apache.catalina.valves.CrawlerSessionManagerValve", "x"));
    assertNull(policy.refuses("jakarta.servlet.jsp.jstl.fmt.locale.session", "x"));
    assertNull(policy.refuses("cart", "x"));
    assertNull(policy.refuses("org.eclipse.jetty.securityguard", "x"));
  }

  @Test
  void aStarInAPatternStandsForAnyCharacters() {
    AttributePolicy policy = policy("a*b*c", "tmp.*", "exact", "*.local");
    for (String name : List.of("abc", "a1b2c", "abbcc", "tmp.", "tmp.x", "exact", "x.local")) {
      assertEquals(Reason.EXCLUDED, policy.refuses(name, "x"), name);
    }
    for (String name : List.of("ab", "acb", "tmp", "exactly", "inexact", "x.locale")) {
      assertNull(policy.refuses(name, "x"), name);
    }
  }

  @Test
  void aPatternOfManyStarsTakesNoTimeToSpeakOf() {
    AttributePolicy policy = policy("a*".repeat(500) + "b");
    assertNull(policy.refuses("a".repeat(AttributePolicy.NAME_BYTES_MAX), "x"));
  }

  @Test
  void patternsBeyondTheLimitsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> policy(""));
    assertThrows(IllegalArgumentException.class, () -> policy("x".repeat(1025)));
    List<String> most = Collections.nCopies(256, "x".repeat(1024));
    assertEquals(Reason.EXCLUDED,
        new AttributePolicy("", most, reports::add).refuses("x".repeat(1024), "x"));
    assertThrows(IllegalArgumentException.class,
        () -> new AttributePolicy("", Collections.nCopies(257, "x"), reports::add));
  }

  @Test
  void aConfiguredListIsSplitAtCommas() {
    assertEquals(List.of("a*", "b c"), AttributePolicy.parsePatterns(" a* ,, b c,"));
    assertEquals(List.of(), AttributePolicy.parsePatterns(" "));
  }

  @Test
  void namesThatTheMapCannotHaveStayLocal() {
    AttributePolicy policy = policy();
    assertEquals(Reason.BAD_NAME, policy.refuses("", "x"));
    assertEquals(Reason.BAD_NAME, policy.refuses("half \ud83c of a pair", "x"));
    assertNull(policy.refuses("x".repeat(AttributePolicy.NAME_BYTES_MAX), "x"));
    assertEquals(
        Reason.BAD_NAME, policy.refuses("x".repeat(AttributePolicy.NAME_BYTES_MAX + 1), "x"));
    assertEquals(Reason.BAD_NAME, policy.refuses("é".repeat(2049), "x"));
  }

  @Test
  void whatIsNotSerializableStaysLocal() {
    assertEquals(Reason.NOT_SERIALIZABLE, policy().refuses("x", new Object()));
  }

  @Test
  void eachCaseIsReportedOnceByNameTypeAndApplicationAndCountedEveryTime() {
    AttributePolicy policy = policy();
    for (int i = 0; i < 5; ++i) policy.keptLocal("cart", why("shop.Cart"));
    policy.keptLocal("cart", why("shop.OtherCart"));
    policy.dropped("cart", new DecodeResult.Dropped(Reason.CLASS_CHANGED, "shop.Cart", "v2"));
    assertEquals(6, policy.count(Reason.NOT_SERIALIZABLE));
    assertEquals(1, policy.count(Reason.CLASS_CHANGED));
    assertEquals(
        List.of("application shop.example/cart: session attribute \"cart\" stays on this instance:"
                + " not serializable (shop.Cart)",
            "application shop.example/cart: session attribute \"cart\" stays on this instance:"
                + " not serializable (shop.OtherCart)",
            "application shop.example/cart: session attribute \"cart\" was not taken over:"
                + " class has changed (shop.Cart): v2"),
        reports.stream().map(AttributeReport::words).toList());
  }

  @Test
  void whatWasAskedForOrPassesIsCountedAndNotReported() {
    AttributePolicy policy = policy();
    policy.keptLocal("x", new EncodeResult.Refused(Reason.EXCLUDED, "X", ""));
    policy.keptLocal("x", new EncodeResult.Refused(Reason.CHANGED_MEANWHILE, "X", ""));
    assertEquals(1, policy.count(Reason.EXCLUDED));
    assertEquals(1, policy.count(Reason.CHANGED_MEANWHILE));
    assertEquals(List.of(), reports);
  }

  @Test
  void whatIsRememberedAsReportedIsBounded() {
    AttributePolicy policy = policy();
    for (int i = 0; i < 3 * AttributePolicy.REPORTS_MAX; ++i) policy.keptLocal("n" + i, why("T"));
    assertEquals(AttributePolicy.REPORTS_MAX, reports.size());
    assertEquals(3L * AttributePolicy.REPORTS_MAX, policy.count(Reason.NOT_SERIALIZABLE));
  }

  @Test
  void textOfOthersMakesNoLineOfItsOwnAndNoLongOne() {
    policy().keptLocal("a\nWARN b\u001b[31m\u202e"
            + "x".repeat(9000),
        why("y".repeat(9000)));
    AttributeReport report = reports.get(0);
    assertEquals("a?WARN b?[31m?xxx", report.name().substring(0, 17));
    assertEquals(200, report.name().length());
    assertEquals(200, report.type().length());
    assertFalse(report.words().contains("\n"));
  }
}

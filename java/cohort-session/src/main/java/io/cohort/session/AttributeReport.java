package io.cohort.session;

/**
 * An attribute that stays on its instance, or was dropped where a session arrived.
 *
 * @param application as the policy was told
 * @param name of the attribute, clipped to a line
 * @param type of the class at fault, clipped; "" where none is known
 * @param reason why
 * @param detail in words, clipped, or ""
 * @param arrived false: it stays here and is not replicated; true: its session came without it
 */
public record AttributeReport(
    String application, String name, String type, Reason reason, String detail, boolean arrived) {
  /** One sentence for a log. */
  public String words() {
    StringBuilder words = new StringBuilder("application ").append(application);
    words.append(": session attribute \"").append(name).append('"');
    words.append(arrived ? " was not taken over: " : " stays on this instance: ");
    words.append(reason.words());
    if (!type.isEmpty()) words.append(" (").append(type).append(')');
    if (!detail.isEmpty()) words.append(": ").append(detail);
    return words.toString();
  }
}

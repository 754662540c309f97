package io.cohort;

/**
 * Why a member came or went.
 *
 * @param member who
 * @param cause as "crashed", "joined"; cohort/c/view.h has them all
 * @param evidence in words: what was seen, by whom
 */
public record MemberChange(Member member, String cause, String evidence) {
  static MemberChange read(Unpacked in) {
    Member member = Member.read(in);
    in.readInt(); // The cause as a number, which its name says better.
    return new MemberChange(member, in.readText(), in.readText());
  }
}

package io.cohort;

import java.util.List;

/**
 * The agreed list of members.
 *
 * @param id its name
 * @param primary it may write; always under the policy "available"
 * @param members by seniority, the coordinator first; none after the group was left
 * @param joined who came with it
 * @param left who went with it
 */
public record View(ViewId id, boolean primary, List<Member> members, List<MemberChange> joined,
    List<MemberChange> left) {
  static View read(byte[] packed) {
    Unpacked in = new Unpacked(packed);
    ViewId id = in.readViewId();
    boolean primary = in.readByte() != 0;
    return new View(id, primary, in.readList(Member::read), in.readList(MemberChange::read),
        in.readList(MemberChange::read));
  }
}

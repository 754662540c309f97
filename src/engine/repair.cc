#include "engine/repair.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/absl_bridge.h"
#include "wire/byte_reader.h"
#include "wire/byte_writer.h"
#include "wire/limits.h"

namespace cohort::engine {
namespace {

constexpr size_t kFixedBytes = 3 * 8 + 2;
constexpr size_t kMemberBytes = 2 * 8 + 4;
constexpr size_t kEntriesNamedMax = 8;
constexpr size_t kKeyShownMax = 64;

// Gathers what differs between two maps of one name.
class Comparison {
 public:
  void Compare(const map::Map& wrong, const map::Map& right) {
    map_ = wrong.name();
    for (size_t bucket = 0; bucket < map::kBucketsPerMap; ++bucket) {
      if (wrong.BucketDigest(bucket) == right.BucketDigest(bucket)) continue;
      for (const auto& [key, entry] : wrong.EntriesOf(bucket)) {
        const map::Entry* other = right.Find(*key);
        if (other == nullptr) {
          if (!entry->tombstone) Note(*key, "the others do not have it");
        } else if (other->version < entry->version) {
          Note(*key, "the others have an older version");
        } else if (other->version == entry->version && !other->Says(*entry)) {
          Note(*key, "the others have the same version with other contents");
        }
      }
      for (const auto& [key, entry] : right.EntriesOf(bucket)) {
        const bool is_later = entry->version.time > wrong.state().greatest;
        if (!is_later && !entry->tombstone && wrong.Find(*key) == nullptr)
          Note(*key, "only the others have it");
      }
    }
  }
  std::string Text() const {
    if (count_ <= kEntriesNamedMax) return text_;
    return absl::StrCat(text_, "; and ", count_ - kEntriesNamedMax, " more");
  }

 private:
  void Note(std::string_view key, const char* what) {
    if (++count_ > kEntriesNamedMax) return;
    absl::StrAppend(&text_, count_ == 1 ? "" : "; ", "map \"", map_, "\" key \"",
                    absl::CHexEscape(ToAbsl(key.substr(0, kKeyShownMax))), "\": ", what);
  }

  std::string map_;
  size_t count_ = 0;
  std::string text_;
};

}  // namespace

// Spec 8.33
Buffer Encode(const RepairMessage& message) {
  Buffer body = Buffer::Allocate(kFixedBytes + message.wrong.size() * kMemberBytes);
  wire::ByteWriter writer(body.Fill());
  for (const uint64_t word : {message.view.num, message.view.cid, message.position})
    writer.WriteU64(word);
  writer.WriteU16(static_cast<uint16_t>(message.wrong.size()));
  for (const MemberId& member : message.wrong) {
    writer.WriteU64(member.instance.hi);
    writer.WriteU64(member.instance.lo);
    writer.WriteU32(member.join_no);
  }
  return body;
}

std::optional<RepairMessage> DecodeRepair(Bytes body) {
  wire::ByteReader reader(body);
  RepairMessage message;
  message.view.num = reader.ReadU64();
  message.view.cid = reader.ReadU64();
  message.position = reader.ReadU64();
  const uint16_t count = reader.ReadU16();
  const bool fits =
      count > 0 && count <= wire::kMembersMax && body.size() == kFixedBytes + count * kMemberBytes;
  if (!fits) return std::nullopt;
  message.wrong.resize(count);
  for (MemberId& member : message.wrong) {
    member.instance.hi = reader.ReadU64();
    member.instance.lo = reader.ReadU64();
    member.join_no = reader.ReadU32();
  }
  return message;
}

RepairMessage Judge(const Verifications::Answers& answers) {
  const auto votes = [&answers](const Proof& proof) {
    return std::count_if(answers.begin(), answers.end(),
                         [&proof](const auto& answer) { return answer.second == proof; });
  };
  RepairMessage verdict;
  if (answers.empty()) return verdict;
  // The first of the greatest.
  const Proof& right =
      std::max_element(answers.begin(), answers.end(), [&votes](const auto& a, const auto& b) {
        return votes(a.second) < votes(b.second);
      })->second;
  for (const auto& [member, proof] : answers) {
    if (proof != right) verdict.wrong.push_back(member);
  }
  verdict.view = right.view;
  verdict.position = right.position;
  return verdict;
}

std::string Differences(const map::MapSet& wrong, const map::MapSet& right) {
  Comparison comparison;
  for (uint32_t id = 0; id < wrong.size(); ++id) {
    const map::Map& one = *wrong.Get(id);
    const map::Map* other = right.Find(one.name());
    if (other != nullptr && other->convergent() == one.convergent())
      comparison.Compare(one, *other);
  }
  return comparison.Text();
}

}  // namespace cohort::engine

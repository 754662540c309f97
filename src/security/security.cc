// Views and sealing. Opening is security_open.cc.
#include "security/security.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"

namespace cohort::security {

Security::Security(const Options& options)
    : encrypted_(options.key.has_value()),
      epoch_(options.epoch),
      instance_(options.self.instance),
      join_no_(options.self.join_no),
      first_packet_number_(options.first_packet_number),
      keys_(KeyDerivation::Of(options.key, options.group)),
      plaintext_tag_(KeyDerivation::OfPlaintext(options.group).group_tag()),
      limiter_(keys_.TableSeed()) {
  COHORT_CHECK(first_packet_number_ >= 1);
  // On the thread that makes the group: to load a library takes a time that no packet should wait.
  if (encrypted_) static_cast<void>(BestCipherLibrary());
}

void Security::SetJoinNo(uint32_t join_no) { join_no_ = std::max(join_no_, join_no); }

void Security::SetViews(std::optional<ViewContext> current, std::optional<ViewContext> previous,
                        std::vector<ViewContext> accepted) {
  const std::vector<KnownView> before = std::exchange(views_, {});
  if (current) AddView(ViewSlot::kCurrent, *std::move(current), before);
  if (previous) AddView(ViewSlot::kPrevious, *std::move(previous), before);
  accepted.resize(std::min(accepted.size(), kAcceptedViewsMax));
  for (ViewContext& context : accepted) AddView(ViewSlot::kAccepted, std::move(context), before);
}

void Security::AddView(ViewSlot slot, ViewContext context, const std::vector<KnownView>& before) {
  KnownView view;
  view.slot = slot;
  const auto same = std::find_if(before.begin(), before.end(), [&context](const KnownView& known) {
    return known.context.id == context.id;
  });
  view.tag = same != before.end() ? same->tag : keys_.ViewTag(context.id);
  // Members keep their openers, whichever views they were in: a number seen once stays seen.
  // Spec 10.14.
  std::map<MemberId, std::shared_ptr<PacketOpener>> known;
  for (const auto* views : {&before, &std::as_const(views_)}) {
    for (const KnownView& other : *views) {
      for (const auto& opener : other.openers) known.emplace(opener->sender(), opener);
    }
  }
  for (const MemberId& member : context.members) {
    std::shared_ptr<PacketOpener>& opener = known[member];
    if (opener == nullptr) opener = std::make_shared<PacketOpener>(member);
    view.openers.push_back(opener);
  }
  view.context = std::move(context);
  views_.push_back(std::move(view));
}

const Security::KnownView* Security::FindView(ViewSlot slot) const {
  const auto it = std::find_if(views_.begin(), views_.end(),
                               [slot](const KnownView& view) { return view.slot == slot; });
  return it == views_.end() ? nullptr : &*it;
}

const Security::KnownView* Security::FindViewByTag(uint32_t tag) const {
  const auto it = std::find_if(views_.begin(), views_.end(),
                               [tag](const KnownView& view) { return view.tag == tag; });
  return it == views_.end() ? nullptr : &*it;
}

PacketSealer* Security::SealerOf(uint32_t join_no) {
  if (const auto it = sealers_.find(join_no); it != sealers_.end()) return &it->second;
  if (join_no < oldest_join_no_) return nullptr;
  PacketSealer& sealer =
      sealers_
          .try_emplace(join_no, MemberId{.instance = instance_, .join_no = join_no},
                       first_packet_number_)
          .first->second;
  if (sealers_.size() > kOwnJoinsKept) {
    // Its numbers are forgotten, so it must never seal again: they would start over. Spec 10.9.
    oldest_join_no_ = sealers_.begin()->first + 1;
    sealers_.erase(sealers_.begin());
    if (join_no < oldest_join_no_) return nullptr;
  }
  return &sealer;
}

wire::PacketHeader Security::NewHeader(wire::PacketType type) const {
  wire::PacketHeader header;
  header.type = type;
  header.flags = encrypted_ ? 0 : wire::PacketHeader::kPlaintext;
  header.key_slot = static_cast<uint8_t>(epoch_);
  header.group_tag = keys_.group_tag();
  return header;
}

size_t Security::CountSeal(size_t size) {
  if (size == 0) {
    ++stats_.seals_refused;
  } else {
    ++stats_.sealed_packets;
    stats_.sealed_bytes += size;
  }
  return size;
}

size_t Security::Seal(ViewSlot slot, Rank to, Bytes frames, std::vector<std::byte>& arena) {
  const KnownView* const view = FindView(slot);
  if (slot == ViewSlot::kNone || view == nullptr) return CountSeal(0);
  const ViewContext& context = view->context;
  const bool to_all = to == kAllRanks;
  if (context.self >= context.members.size() || (!to_all && to >= context.members.size()))
    return CountSeal(0);
  const MemberId& self = context.members[context.self];
  if (self.instance != instance_) return CountSeal(0);
  PacketSealer* const sealer = SealerOf(self.join_no);
  if (sealer == nullptr) return CountSeal(0);

  wire::PacketHeader header =
      NewHeader(to_all ? wire::PacketType::kMulticast : wire::PacketType::kUnicast);
  header.view_tag = view->tag;
  header.rank = context.self;
  header.join_no = self.join_no & 0xFFFF;
  const Binding binding{.view = &context.id,
                        .receiver = to_all ? nullptr : &context.members[to].instance};
  return CountSeal(sealer->Seal(PacketKeys(), epoch_, header, binding, frames, arena));
}

size_t Security::SealStranger(std::optional<InstanceId> to, Bytes frames,
                              std::vector<std::byte>& arena) {
  PacketSealer* const sealer = SealerOf(join_no_);
  if (sealer == nullptr) return CountSeal(0);
  wire::PacketHeader header = NewHeader(wire::PacketType::kStranger);
  header.join_no = join_no_;
  header.instance = instance_;
  Binding binding;
  if (to) {
    header.flags |= wire::PacketHeader::kAddressed;
    binding.receiver = &*to;
  }
  return CountSeal(sealer->Seal(PacketKeys(), epoch_, header, binding, frames, arena));
}

bool Security::NeedsRekey() const {
  return std::any_of(sealers_.begin(), sealers_.end(),
                     [](const auto& entry) { return entry.second.NeedsRekey(); });
}

bool Security::IsConsistent() const {
  const bool views_are_whole = std::all_of(views_.begin(), views_.end(), [](const KnownView& view) {
    return view.openers.size() == view.context.members.size();
  });
  const bool sealers_are_ours =
      std::all_of(sealers_.begin(), sealers_.end(), [this](const auto& entry) {
        return entry.first == entry.second.self().join_no &&
               entry.second.self().instance == instance_ && entry.first >= oldest_join_no_;
      });
  return views_are_whole && sealers_are_ours && sealers_.size() <= kOwnJoinsKept &&
         strangers_.size() <= kStrangersMax && views_.size() <= 2 + kAcceptedViewsMax;
}

}  // namespace cohort::security

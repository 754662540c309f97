#include "transfer/gathering.h"

#include <algorithm>
#include <utility>

#include "transfer/limits.h"

namespace cohort::transfer {
namespace {

// A helper may hold entries of a bucket that the state has not; but not so many more.
constexpr size_t kSurplusMax = 4096;

// The slice of `owner` that `text` is.
Buffer SliceOf(const Buffer& owner, std::string_view text) {
  return owner.Slice(static_cast<size_t>(AsBytes(text).data() - owner.data()), text.size());
}

}  // namespace

Gathering::Gathering(Instant now, const Options& options, uint32_t attempt, const MemberId& donor,
                     const BeginMessage& begin, map::MapSet& maps, Stats& stats)
    : options_(options),
      attempt_(attempt),
      maps_(maps),
      stats_(stats),
      announced_(begin.maps),
      targets_(begin.maps.size()) {
  peers_.push_back({.id = donor, .is_donor = true, .ready = true, .heard = now});
  for (uint32_t id = 0; id < announced_.size(); ++id) {
    if (announced_[id].entries > 0) {
      ++digests_awaited_;
      continue;
    }
    for (size_t bucket = 0; bucket < map::kBucketsPerMap; ++bucket)
      maps_.Get(id)->DropBucket(bucket);
  }
}

Gathering::Peer* Gathering::PeerOf(const MemberId& member) {
  return const_cast<Peer*>(std::as_const(*this).PeerOf(member));
}

const Gathering::Peer* Gathering::PeerOf(const MemberId& member) const {
  for (const Peer& peer : peers_) {
    if (peer.id == member) return &peer;
  }
  return nullptr;
}

// Spec 9.12
void Gathering::AskForHelp(Instant now, const ViewId& view, const std::vector<MemberId>& others,
                           Output& out) {
  uint64_t bytes = 0;
  for (const BeginMessage::Map& map : announced_) bytes += map.bytes;
  if (bytes < options_.helped_bytes_min) return;
  for (const MemberId& member : others) {
    if (peers_.size() > options_.helpers_max) return;
    if (PeerOf(member) != nullptr) continue;
    peers_.push_back({.id = member, .heard = now});
    out.messages.push_back({member, EncodeRequest(attempt_, {.view = view, .helps = true})});
  }
}

Gathering::Progress Gathering::OnMessage(Instant now, const MemberId& from, const Header& header,
                                         Bytes body, Output& out) {
  Peer* const peer = PeerOf(from);
  if (peer == nullptr) return Progress::kGoesOn;
  peer->heard = now;
  if (!OnAny(*peer, header, body, out)) {
    if (peer->is_donor) return Progress::kFailed;
    DropHelper(static_cast<size_t>(peer - peers_.data()), out);
  }
  TopUp(now, out);
  return State(out);
}

// False: this one is of no use any more, and why_ says why.
bool Gathering::OnAny(Peer& peer, const Header& header, Bytes body, Output& out) {
  switch (header.type) {
    case MessageType::kChunk:
      if (peer.ready) return OnChunk(peer, body, nullptr, out);
      break;
    case MessageType::kPart:
      if (const auto part = DecodePart(body); part.has_value() && peer.ready)
        return OnPart(peer, *part, out);
      break;
    case MessageType::kDigests:
      if (const auto digests = DecodeDigests(body); digests.has_value() && peer.is_donor)
        return OnDigests(*digests);
      break;
    case MessageType::kBegin:
      if (const auto begin = DecodeBegin(body); begin.has_value() && !peer.ready)
        return OnHelperBegin(*begin, peer);
      break;
    case MessageType::kRefused:
      if (const auto no = DecodeRefused(body); no.has_value()) {
        why_ = no->reason;
        return false;
      }
      break;
    default:
      break;
  }
  return Malformed("the donor sent a message that makes no sense");
}

bool Gathering::Malformed(std::string why) {
  ++stats_.malformed;
  why_ = std::move(why);
  return false;
}

// Maps are numbered in the order in which they came to be, so those of one history agree.
bool Gathering::OnHelperBegin(const BeginMessage& begin, Peer& peer) const {
  if (begin.maps.size() < announced_.size()) return false;
  for (size_t id = 0; id < announced_.size(); ++id) {
    if (begin.maps[id].name != announced_[id].name ||
        begin.maps[id].state.settings.convergent != announced_[id].state.settings.convergent) {
      return false;
    }
  }
  peer.ready = true;
  ++stats_.helpers;
  return true;
}

// Spec 9.4
bool Gathering::OnDigests(const DigestsMessage& digests) {
  if (digests.map >= announced_.size() || announced_[digests.map].entries == 0 ||
      !targets_[digests.map].empty()) {
    return Malformed("digests of a map that were not announced, or for the second time");
  }
  uint64_t entries = 0;
  for (const DigestsMessage::Sum& sum : digests.sums) entries += sum.entries;
  if (entries != announced_[digests.map].entries)
    return Malformed("the buckets hold not as many entries as were announced");
  targets_[digests.map].resize(map::kBucketsPerMap);
  size_t next = 0;
  for (size_t bucket = 0; bucket < map::kBucketsPerMap; ++bucket) {
    Target target;
    if (next < digests.sums.size() && digests.sums[next].bucket == bucket) {
      target.digest = digests.sums[next].digest;
      target.entries = digests.sums[next].entries;
      ++next;
    }
    Expect(digests.map, static_cast<uint16_t>(bucket), target);
  }
  --digests_awaited_;
  return true;
}

// Spec 9.9
void Gathering::Expect(uint32_t id, uint16_t bucket, const Target& target) {
  map::Map& map = *maps_.Get(id);
  if (target.entries == 0) {
    map.DropBucket(bucket);
    return;
  }
  Target& expected = targets_[id][bucket];
  expected = target;
  const size_t held = map.EntriesIn(bucket);
  expected.done = held == target.entries && map.BucketDigest(bucket) == target.digest;
  if (expected.done) {
    ++stats_.buckets_kept;
    return;
  }
  expected.fresh = held > kHeldMax;
  ++remaining_;
  open_.push_back({static_cast<uint16_t>(id), bucket});
}

// Spec 9.4
bool Gathering::OnChunk(Peer& peer, Bytes body, const Buffer* owner, Output& out) {
  ChunkReader reader(body);
  const bool in_turn = reader.valid() && reader.number() == peer.next_chunk &&
                       peer.parted.empty() && reader.buckets() >= peer.buckets &&
                       reader.buckets() - peer.buckets <= peer.asked.size();
  if (!in_turn) return Malformed("a chunk is out of turn");
  while (std::optional<ChunkReader::Item> item = reader.Next()) {
    bytes_received_ += item->key.size() + item->value.size();
    if (!Stage(peer, reader.map(), *item, owner)) return false;
  }
  if (!reader.valid()) return Malformed("a chunk is malformed");
  stats_.bytes += body.size();
  while (peer.buckets < reader.buckets()) {
    Asked asked = std::move(peer.asked.front());
    peer.asked.pop_front();
    peer.asked_bytes -= asked.bytes;
    if (peer.at > 0) --peer.at;
    ++peer.buckets;
    if (!Commit(peer, std::move(asked))) return false;
  }
  if (peer.asked.empty()) peer.moved = false;
  CountChunk(peer, out);
  return true;
}

bool Gathering::Stage(Peer& peer, uint16_t id, ChunkReader::Item& item, const Buffer* owner) {
  const map::Map* map = maps_.Get(id);
  const size_t bucket = map == nullptr ? 0 : map->BucketOf(item.key);
  while (peer.at < peer.asked.size() &&
         (peer.asked[peer.at].map != id || peer.asked[peer.at].bucket != bucket)) {
    ++peer.at;
  }
  if (map == nullptr || peer.at == peer.asked.size())
    return Malformed("an entry belongs to no bucket that was asked for");
  Asked& asked = peer.asked[peer.at];
  item.entry.value = owner == nullptr ? Buffer::CopyOf(item.value) : SliceOf(*owner, item.value);
  asked.entries.push_back({std::string(item.key), std::move(item.entry)});
  if (HasTooMany(peer, asked)) return Malformed("more entries than were announced");
  return true;
}

bool Gathering::HasTooMany(const Peer& peer, const Asked& asked) {
  const size_t announced = TargetOf({asked.map, asked.bucket}).entries;
  return asked.entries.size() > announced + (peer.is_donor ? 0 : kSurplusMax);
}

// Spec 9.12
bool Gathering::Commit(const Peer& peer, Asked asked) {
  const BucketId id{asked.map, asked.bucket};
  Target& target = TargetOf(id);
  if (target.done) return true;  // Another one was faster.
  map::Map& map = *maps_.Get(id.map);
  if (asked.whole) map.DropBucket(id.bucket);
  for (Staged& staged : asked.entries) {
    // What a helper holds of a later place is not of this state.
    if (!peer.is_donor && staged.entry.version.time > map.state().greatest) continue;
    const bool taken = asked.whole ? map.Restore(staged.key, std::move(staged.entry))
                                   : map.Replace(staged.key, std::move(staged.entry));
    if (!taken && peer.is_donor) return Malformed("an entry is malformed or doubled");
  }
  if (map.EntriesIn(id.bucket) == target.entries && map.BucketDigest(id.bucket) == target.digest) {
    target.done = true;
    --remaining_;
    if (!asked.whole) ++stats_.buckets_patched;
    return true;
  }
  if (peer.is_donor && asked.whole) {
    // What is corrupt must not be taken for a beginning by the next attempt.
    map.DropBucket(id.bucket);
    ++stats_.digest_mismatches;
    why_ = "digest mismatch: what arrived is not what the donor has announced";
    return false;
  }
  ++stats_.buckets_again;
  target.fresh = peer.is_donor || map.EntriesIn(id.bucket) > kHeldMax;
  target.again = true;
  owed_.push_back(id);
  return true;
}

void Gathering::CountChunk(Peer& peer, Output& out) {
  if (++peer.next_chunk % kAckEvery == 0)
    out.messages.push_back({peer.id, EncodeAck(attempt_, {peer.next_chunk})});
}

// Spec 9.11
bool Gathering::OnPart(Peer& peer, const PartMessage& part, Output& out) {
  if (peer.parted.empty()) {
    peer.parted = Buffer::Allocate(part.total);
    peer.parted_bytes = 0;
  }
  if (part.number != peer.next_chunk || part.total != peer.parted.size() ||
      part.bytes.size() > peer.parted.size() - peer.parted_bytes) {
    return Malformed("a part of a chunk is out of turn or too large");
  }
  std::copy(part.bytes.begin(), part.bytes.end(),
            peer.parted.Fill().begin() + static_cast<std::ptrdiff_t>(peer.parted_bytes));
  peer.parted_bytes += part.bytes.size();
  if (peer.parted_bytes < peer.parted.size()) {
    CountChunk(peer, out);
    return true;
  }
  const Buffer whole = std::exchange(peer.parted, Buffer());
  if (static_cast<MessageType>(whole.bytes()[0]) == MessageType::kChunk)
    return OnChunk(peer, whole, &whole, out);
  return Malformed("parts that make no chunk");
}

// The next bucket that `peer` may be asked for.
std::optional<Gathering::BucketId> Gathering::NextFor(const Peer& peer) {
  for (std::deque<BucketId>* list : {&owed_, &open_}) {
    if (list == &owed_ && !peer.is_donor) continue;
    while (!list->empty()) {
      const BucketId id = list->front();
      list->pop_front();
      const Target& target = TargetOf(id);
      // What it sends of a bucket must be the answer to one want.
      if (!target.done && !(target.again && IsAsked(peer, id))) return id;
    }
  }
  return std::nullopt;
}

bool Gathering::IsAsked(const Peer& peer, const BucketId& id) {
  return std::any_of(peer.asked.begin(), peer.asked.end(), [&](const Asked& asked) {
    return asked.map == id.map && asked.bucket == id.bucket;
  });
}

Want Gathering::WantOf(const BucketId& id) const {
  Want want{.map = id.map, .bucket = id.bucket, .held = {}};
  const Target& target = targets_[id.map][id.bucket];
  if (target.fresh) return want;
  for (const auto& [key, entry] : maps_.Get(id.map)->EntriesOf(id.bucket))
    want.held.push_back(static_cast<uint64_t>(entry->digest));
  return want;
}

// Spec 9.5
void Gathering::TopUp(Instant now, Output& out) {
  // Not before all is announced: what is held already needs no asking for.
  if (digests_awaited_ > 0) return;
  for (Peer& peer : peers_) {
    if (peer.ready && !peer.moved) TopUp(now, peer, out);
  }
}

void Gathering::TopUp(Instant now, Peer& peer, Output& out) {
  // Half of it at a time, so that wants go in few messages.
  if (peer.asked.size() > kAskedMax / 2 || peer.asked_bytes > kAskedBytesAim / 2) return;
  std::vector<Want> wants;
  while (peer.asked.size() < kAskedMax && peer.asked_bytes < kAskedBytesAim) {
    const std::optional<BucketId> id = NextFor(peer);
    if (!id.has_value()) break;
    Want want = WantOf(*id);
    const BeginMessage::Map& map = announced_[id->map];
    const size_t bytes = map.bytes / map.entries * TargetOf(*id).entries;
    peer.asked.push_back({.map = id->map,
                          .bucket = id->bucket,
                          .whole = want.held.empty(),
                          .bytes = bytes,
                          .since = now,
                          .entries = {}});
    peer.asked_bytes += bytes;
    wants.push_back(std::move(want));
  }
  if (wants.empty()) return;
  peer.heard = std::max(peer.heard, now);
  for (Buffer& message : EncodeWants(attempt_, wants))
    out.messages.push_back({peer.id, std::move(message)});
}

// What `peer` was asked for and has not sent may be asked of others.
void Gathering::GiveBack(Peer& peer) {
  for (const Asked& asked : peer.asked) {
    const BucketId id{asked.map, asked.bucket};
    if (TargetOf(id).done) continue;
    TargetOf(id).again = true;
    ++stats_.buckets_moved;
    open_.push_back(id);
  }
  peer.moved = true;
}

void Gathering::DropHelper(size_t index, Output& out) {
  Peer& peer = peers_[index];
  ++stats_.helpers_lost;
  if (!peer.moved) GiveBack(peer);
  out.messages.push_back({peer.id, EncodeDone(attempt_, {.whole = false})});
  peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(index));
}

void Gathering::OnHelperGone(Instant now, const MemberId& member, Output& out) {
  for (size_t i = 1; i < peers_.size(); ++i) {
    if (peers_[i].id != member) continue;
    DropHelper(i, out);
    break;
  }
  TopUp(now, out);
}

void Gathering::OnDonors(Instant now, const std::vector<MemberId>& donors, Output& out) {
  for (size_t i = peers_.size() - 1; i > 0; --i) {
    if (std::find(donors.begin(), donors.end(), peers_[i].id) == donors.end()) DropHelper(i, out);
  }
  TopUp(now, out);
}

void Gathering::Release(bool whole, Output& out) {
  for (const Peer& peer : peers_)
    out.messages.push_back({peer.id, EncodeDone(attempt_, {.whole = whole})});
}

bool Gathering::IsAwaited(const Peer& peer) const {
  return !peer.ready || !peer.asked.empty() || (peer.is_donor && digests_awaited_ > 0);
}

bool Gathering::HasIdle() const {
  return std::any_of(peers_.begin(), peers_.end(), [&](const Peer& peer) { return IsIdle(peer); });
}

Instant Gathering::NextDeadline() const {
  Instant next = Instant::Infinite();
  const bool has_idle = HasIdle();
  for (const Peer& peer : peers_) {
    if (IsAwaited(peer)) next = std::min(next, peer.heard + options_.silence_max);
    if (has_idle && !peer.asked.empty() && !peer.moved)
      next = std::min(next, peer.asked.front().since + options_.slow_after);
  }
  return next;
}

Gathering::Progress Gathering::OnTimer(Instant now, Output& out) {
  for (size_t i = peers_.size() - 1; i > 0; --i) {
    if (IsAwaited(peers_[i]) && peers_[i].heard + options_.silence_max <= now) DropHelper(i, out);
  }
  if (IsAwaited(peers_[0]) && peers_[0].heard + options_.silence_max <= now)
    return Fail("the donor sent nothing for too long");
  if (HasIdle()) {
    for (Peer& peer : peers_) {
      const bool slow = !peer.asked.empty() && !peer.moved &&
                        peer.asked.front().since + options_.slow_after <= now;
      if (slow) GiveBack(peer);
    }
  }
  TopUp(now, out);
  return State(out);
}

Gathering::Progress Gathering::Fail(std::string why) {
  why_ = std::move(why);
  return Progress::kFailed;
}

// Spec 9.6
Gathering::Progress Gathering::State(Output& out) {
  if (!whole()) return Progress::kGoesOn;
  for (uint32_t id = 0; id < announced_.size(); ++id) {
    if (maps_.Get(id)->digest() == announced_[id].digest) continue;
    ++stats_.digest_mismatches;
    return Fail("digest mismatch: what arrived is not what the donor has announced");
  }
  Release(true, out);
  return Progress::kWhole;
}

bool Gathering::IsConsistent() const {
  uint64_t remaining = 0;
  for (const std::vector<Target>& of_map : targets_) {
    for (const Target& target : of_map) remaining += target.done ? 0 : 1;
  }
  const bool peers_fit = std::all_of(peers_.begin(), peers_.end(), [](const Peer& peer) {
    return peer.at <= peer.asked.size() && peer.asked.size() <= kAskedMax;
  });
  return remaining == remaining_ && peers_fit && peers_.size() <= options_.helpers_max + 1;
}

}  // namespace cohort::transfer

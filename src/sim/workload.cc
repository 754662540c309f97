#include "sim/workload.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "map/limits.h"
#include "map/map_op.h"
#include "map/map_op_codec.h"
#include "map/subjects.h"
#include "sim/check_messages.h"

namespace cohort::sim {

using engine::AckLevel;

namespace {

map::PutOp Put(std::string_view key, std::string_view value) {
  map::PutOp put;
  put.key = key;
  put.value = value;
  return put;
}

}  // namespace

WorkloadOptions DrawWorkload(Random& random) {
  WorkloadOptions options;
  static constexpr int64_t kIntervalsMs[] = {10, 20, 40, 80, 200};
  options.interval_mean = milliseconds(kIntervalsMs[random.Below(std::size(kIntervalsMs))]);
  options.messages = static_cast<double>(random.Below(101)) / 100;
  options.shared_keys = static_cast<double>(random.Below(101)) / 100;
  options.big = random.Chance(0.3) ? 0.005 : 0.0005;
  options.expiring = random.Chance(0.5) ? 0.0 : 0.2;
  options.keys = static_cast<uint32_t>(random.Between(1, 100));
  return options;
}

// What came later is drawn apart, so that the seeds of before keep what they had drawn.
void DrawMoreWorkload(uint64_t seed, WorkloadOptions& options) {
  Random random(seed ^ 0x3A95'0001);
  if (random.Chance(0.3)) options.maps = std::size(kMapNames);
  if (random.Chance(0.1)) options.big = 0.05;
  if (random.Chance(0.25)) options.conditional = 0.8;
  if (random.Chance(0.15)) options.burst = 0.9;
  if (random.Chance(0.5)) {
    options.convergent = true;
    options.maps = std::max<uint32_t>(options.maps, 2);
  }
  options.evicts = random.Chance(0.5);
  Random owners(seed ^ 0x3A95'0002);
  if (options.convergent && owners.Chance(0.4)) options.owned = 0.3;
}

void TemperWorkload(uint64_t seed, HostIndex members, WorkloadOptions& options) {
  static constexpr double kPacketsOfBig = 70;
  static constexpr double kDeliveriesMax = 3000;  // Of packets, each second, by all members.
  if (seed % 20 == 0 || seed % 20 == 5) return;   // Even and odd: of both policies.
  if (options.burst >= 1) return;
  const double commands =
      1 / (std::chrono::duration<double>(options.interval_mean).count() * (1 - options.burst));
  const double deliveries = members * members * commands * (1 + options.big * kPacketsOfBig);
  if (deliveries <= kDeliveriesMax) return;
  options.interval_mean =
      std::chrono::duration_cast<Duration>(options.interval_mean * (deliveries / kDeliveriesMax));
}

Duration Workload::DrawPause() {
  if (random_.Chance(options_.burst)) return microseconds(20);
  return random_.Between(Duration(0), options_.interval_mean * 8 / 3);
}

std::optional<Workload::Planned> Workload::Next(Instant now, Node& node, size_t pending) {
  if (pending >= options_.pending_max || node.view().members.empty()) return std::nullopt;
  if (random_.Chance(options_.verifications) && node.writable()) return Verification();
  if (random_.Chance(options_.messages)) return Message();
  const auto which = options_.maps == 1 ? 0 : static_cast<uint32_t>(random_.Below(options_.maps));
  const std::optional<uint32_t> map = node.MapId(kMapNames[which]);
  const bool convergent = options_.convergent && which == options_.maps - 1;
  if (!map.has_value() || (convergent && !opened_)) {
    if (opening_ != 0 || !node.writable()) return std::nullopt;
    return OpenTheMap(which);
  }
  if (convergent && options_.owned > 0 && random_.Chance(options_.owned))
    return WriteOwned(now, node, *map);
  if (convergent) return Join(now, node, which, *map);
  return Write(now, node, which, *map);
}

void Workload::OnDone(const engine::DoneUpcall& done) {
  if (done.command == opening_) {
    opening_ = 0;
    opened_ |= opening_convergent_ && done.status.ok();
  }
  if (done.command == owned_pending_) {
    owned_pending_ = 0;
    if (done.status.ok() && !owned_is_claim_) at_rest_.insert(owned_key_);
  }
  if (done.status.ok() && done.version != Version::None()) last_version_ = done.version;
}

Workload::Planned Workload::Leave() {
  Planned planned;
  planned.issued.kind = IssuedCommand::Kind::kLeave;
  planned.issued.id = next_id_++;
  planned.command = engine::Leave{planned.issued.id};
  return planned;
}

Workload::Planned Workload::ProveForLeave() {
  Planned planned;
  planned.issued.kind = IssuedCommand::Kind::kVerify;
  planned.issued.id = next_id_++;
  planned.command = engine::VerifyReplicas{.id = planned.issued.id, .holders_min = 2};
  return planned;
}

Workload::Planned Workload::Verification() {
  Planned planned;
  planned.issued.kind = IssuedCommand::Kind::kVerify;
  planned.issued.id = next_id_++;
  planned.command = engine::VerifyReplicas{
      .id = planned.issued.id, .holders_min = static_cast<uint16_t>(random_.Chance(0.3) ? 2 : 1)};
  return planned;
}

Workload::Planned Workload::OpenTheMap(uint32_t map) {
  Planned planned;
  planned.issued.kind = IssuedCommand::Kind::kOpen;
  planned.issued.id = opening_ = next_id_++;
  engine::OpenMap open;
  open.id = planned.issued.id;
  open.name = kMapNames[map];
  if (map != 0) open.bytes_max = uint64_t{64 << 10} * map;
  open.evicts = map != 0 && options_.evicts;
  open.convergent = opening_convergent_ = options_.convergent && map == options_.maps - 1;
  planned.command = std::move(open);
  return planned;
}

size_t Workload::DrawSize() {
  if (random_.Chance(options_.big)) return random_.Between(1000, 200 << 10);
  return random_.Chance(0.1) ? random_.Between(10, 4000) : random_.Between(10, 300);
}

Workload::Planned Workload::Message() {
  Planned planned;
  planned.issued.kind = IssuedCommand::Kind::kMessage;
  planned.issued.id = next_id_++;
  const uint64_t choice = random_.Below(10);
  planned.issued.cls = choice < 5   ? DeliveryClass::kAgreed
                       : choice < 8 ? DeliveryClass::kConv
                                    : DeliveryClass::kSafe;
  planned.issued.ack = static_cast<AckLevel>(random_.Below(3));
  Buffer payload = Buffer::Allocate(sizeof(MessageHeader) + DrawSize());
  std::memset(payload.Fill().data(), static_cast<int>(random_.Below(256)), payload.size());
  const MessageHeader header{process_, planned.issued.id};
  std::memcpy(payload.Fill().data(), &header, sizeof(header));
  planned.issued.digest = TraceDigest(payload.bytes());
  engine::SendMessage send;
  send.id = planned.issued.id;
  send.cls = planned.issued.cls;
  send.ack = planned.issued.ack;
  send.payload = std::move(payload);
  planned.command = std::move(send);
  return planned;
}

std::string Workload::DrawKey(uint32_t which) {
  std::string number = std::to_string(random_.Below(options_.keys));
  if (which != 0) number += std::string("/") + kMapNames[which];
  if (random_.Chance(options_.shared_keys)) return "shared/" + number;
  return "host" + std::to_string(host_) + "/" + number;
}

std::string Workload::DrawValue() {
  std::string value = std::to_string(process_) + ":" + std::to_string(next_id_) + ":";
  value.resize(std::max(value.size(), DrawSize()), '.');
  return value;
}

// Of 20: increments are 14 and 15, puts-if 16 and 17.
uint64_t Workload::DrawWrite() {
  if (options_.conditional == WorkloadOptions().conditional) return random_.Below(20);
  if (random_.Chance(options_.conditional)) return random_.Between(14, 17);
  const uint64_t choice = random_.Below(16);
  return choice < 14 ? choice : choice + 4;
}

std::optional<Workload::Planned> Workload::Join(Instant now, Node& node, uint32_t which,
                                                uint32_t map) {
  Planned planned;
  planned.issued.id = next_id_++;
  const uint64_t ack = random_.Below(10);
  planned.issued.ack = ack < 7 ? AckLevel::kAll : ack < 9 ? AckLevel::kOne : AckLevel::kLocal;
  const std::string key = DrawKey(which);
  const std::string value = DrawValue();
  const std::string name = "a" + std::to_string(random_.Below(4));
  planned.issued.keys.push_back(key);
  map::ConvergentRequest request = Put(key, value);
  const uint64_t choice = random_.Below(20);
  if (choice < 9) {
    planned.issued.kind = IssuedCommand::Kind::kPut;
    map::PutOp put = Put(key, value);
    if (random_.Chance(options_.expiring)) put.ttl_ms = random_.Between(50, 20000);
    planned.issued.expires = put.ttl_ms != 0;
    request = put;
  } else if (choice < 12) {
    planned.issued.kind = IssuedCommand::Kind::kErase;
    request = map::EraseOp{.key = key};
  } else if (choice == 12 && random_.Chance(0.5)) {
    planned.issued.kind = IssuedCommand::Kind::kAttributes;
    request = map::TouchOp{
        .key = key, .mode = map::TouchOp::Mode::kTtl, .ttl_ms = random_.Between(50, 20000)};
    planned.issued.expires = true;
  } else {
    planned.issued.kind = IssuedCommand::Kind::kAttributes;
    map::AttributesOp attributes;
    attributes.key = key;
    const bool erases = choice > 17;
    attributes.writes.push_back({name, erases ? std::string_view() : value, erases});
    if (random_.Chance(options_.expiring)) {
      attributes.sets_ttl = true;
      planned.issued.expires = true;
      attributes.ttl_ms = random_.Between(50, 20000);
    }
    request = std::move(attributes);
  }
  if (choice == 19 && random_.Chance(0.5)) {
    planned.issued.kind = IssuedCommand::Kind::kClaim;
    planned.issued.keys.clear();
    planned.command = engine::ClaimEntry{planned.issued.id, map, key};
    return planned;
  }
  const map::ConvergentFence fence{.by_owner = random_.Chance(0.2),
                                   .if_present = random_.Chance(0.2)};
  std::optional<engine::MapWrite> write = node.PrepareConvergent(now, map, request, fence);
  if (!write.has_value()) return std::nullopt;
  write->id = planned.issued.id;
  write->ack = planned.issued.ack;
  planned.command = *std::move(write);
  return planned;
}

std::optional<Workload::Planned> Workload::WriteOwned(Instant now, Node& node, uint32_t map) {
  static constexpr std::string_view kName = "cart";
  const std::string key = "owned/" + std::to_string(random_.Below(3));
  if (owned_pending_ != 0) return std::nullopt;
  const Node::OwnedEntry entry = node.LookAt(now, map, key, kName);
  const bool begins = !entry.is_there && host_ == 0;
  if (!entry.is_mine && !begins && (!entry.is_there || !random_.Chance(0.1))) return std::nullopt;
  Planned planned;
  planned.issued.id = owned_pending_ = next_id_++;
  planned.issued.ack = AckLevel::kAll;
  owned_key_ = key;
  owned_is_claim_ = entry.is_there && !entry.is_mine;
  const bool was_at_rest = at_rest_.erase(key) > 0;
  if (owned_is_claim_) {
    planned.issued.kind = IssuedCommand::Kind::kClaim;
    planned.command = engine::ClaimEntry{planned.issued.id, map, key};
    return planned;
  }
  planned.issued.kind = IssuedCommand::Kind::kAttributes;
  planned.issued.keys.push_back(key);
  std::string value = entry.value;
  if (value.size() < map::kDeltaValueMin || random_.Chance(0.1)) {
    value.resize(random_.Between(map::kDeltaValueMin, 2 * map::kDeltaValueMin));
    for (char& byte : value) byte = static_cast<char>(random_.Below(256));
  }
  value[random_.Below(value.size())] ^= static_cast<char>(1 + random_.Below(255));
  const std::string number = std::to_string(planned.issued.id);
  map::AttributesOp request;
  request.key = key;
  request.writes = {{kName, value, false}, {"n", number, false}};
  std::optional<map::Delta> delta;
  if (was_at_rest) delta = node.PrepareDelta(now, map, request);
  if (delta.has_value()) {
    planned.command = engine::WriteDelta{planned.issued.id, map, *std::move(delta), AckLevel::kAll};
    return planned;
  }
  std::optional<engine::MapWrite> write =
      node.PrepareConvergent(now, map, request, {.by_owner = true, .if_present = !begins});
  if (!write.has_value()) {
    owned_pending_ = 0;
    return std::nullopt;
  }
  write->id = planned.issued.id;
  write->ack = AckLevel::kAll;
  planned.command = *std::move(write);
  return planned;
}

Workload::Planned Workload::Write(Instant now, Node& node, uint32_t which, uint32_t map) {
  Planned planned;
  planned.issued.id = next_id_++;
  const uint64_t ack = random_.Below(10);
  planned.issued.ack = ack < 7 ? AckLevel::kAll : ack < 9 ? AckLevel::kOne : AckLevel::kLocal;
  std::string key = DrawKey(which);
  std::string value = DrawValue();
  std::string second_key;
  map::MapOp op;
  op.map = kMapNames[which];
  op.hlc = node.NextHlc(now);
  bool conditional = false;
  const uint64_t choice = DrawWrite();
  if (choice < 11) {
    planned.issued.kind = IssuedCommand::Kind::kPut;
    map::PutOp put = Put(key, value);
    if (random_.Chance(options_.expiring)) put.ttl_ms = random_.Between(50, 20000);
    planned.issued.expires = put.ttl_ms != 0;
    op.body = put;
  } else if (choice < 14) {
    planned.issued.kind = IssuedCommand::Kind::kErase;
    map::EraseOp erase;
    erase.key = key;
    op.body = erase;
  } else if (choice < 16 && !(options_.evicts && which != 0)) {  // Whoever counts must not lose it.
    planned.issued.kind = IssuedCommand::Kind::kIncrement;
    key = "counter/" + std::to_string(random_.Below(4));
    if (which != 0) key += std::string("/") + kMapNames[which];
    map::IncrementOp increment;
    increment.key = key;
    op.body = increment;
    conditional = true;
  } else if (choice < 18) {
    planned.issued.kind = IssuedCommand::Kind::kPutIf;
    map::PutOp put = Put(key, value);
    put.condition = random_.Chance(0.5) ? map::Condition::kVersion : map::Condition::kAbsent;
    if (put.condition == map::Condition::kVersion) put.version = last_version_;
    op.body = put;
    conditional = true;
  } else {
    planned.issued.kind = IssuedCommand::Kind::kBatch;
    second_key = DrawKey(which) + "/b";
    map::BatchOp batch;
    batch.items.push_back(Put(key, value));
    batch.items.push_back(Put(second_key, value));
    op.body = std::move(batch);
  }
  planned.issued.keys.push_back(key);
  if (!second_key.empty()) planned.issued.keys.push_back(second_key);
  engine::MapWrite write;
  write.id = planned.issued.id;
  write.map = map;
  write.operation = map::EncodeMapOp(op, engine::kMessageRoom);
  write.has_room = true;
  write.ack = planned.issued.ack;
  write.conditional = conditional;
  write.subjects = map::SubjectsOf(op);
  planned.command = std::move(write);
  return planned;
}

}  // namespace cohort::sim

#include "sim/host_options.h"

#include "base/random.h"
#include "wire/limits.h"

namespace cohort::sim {
namespace {

// Joiners hold the writers back, and give up what waits, as they do with large states.
constexpr size_t kSmallJoinerQueue = 4 << 10;
constexpr size_t kSmallSendQueue = 64 << 10;  // The least a user may ask for.
constexpr size_t kSmallMaps = 64 << 10;       // Likewise.
constexpr size_t kSmallSocket = 64 << 10;
// Large messages: those of more than some chunks, so few at once that they wait for one another.
constexpr size_t kSmallLargeUnderWay = 512 << 10;
constexpr size_t kSmallLargeQueue = 1 << 20;
constexpr uint64_t kClockOffMaxMs = 30 * 60 * 1000;  // An hour between two hosts.

}  // namespace

HostOptions DrawHostOptions(uint64_t seed, size_t hosts) {
  HostOptions options;
  options.tie_breaker = seed % 3 == 0;
  if (seed % 4 == 1) options.stalled_after = milliseconds(800);
  if (seed % 4 == 2) options.joiner_queue_bytes_max = kSmallJoinerQueue;
  Random random(seed ^ 0x0971'0115);
  if (random.Chance(0.25)) options.send_queue_bytes_max = kSmallSendQueue;
  if (random.Chance(0.25)) options.map_bytes_max = kSmallMaps * random.Between(1, 4);
  if (random.Chance(0.15)) options.receive_buffer_bytes = kSmallSocket;
  if (random.Chance(0.25)) options.tombstone_horizon = seconds(random.Between(1, 5));
  options.bulk_start = random.Chance(0.2);
  options.quick_restarts = random.Chance(0.2);
  options.drains = random.Chance(0.5);
  const uint64_t off = random.Chance(0.25) ? kClockOffMaxMs : 0;
  for (size_t host = 0; host < hosts; ++host) {
    options.wall_clock_ms.push_back(static_cast<int64_t>(random.Between(0, 2 * off)) -
                                    static_cast<int64_t>(off));
  }
  // Drawn apart, so that the seeds of before keep what they had drawn.
  Random large(seed ^ 0x1A26'E5A1);
  if (large.Chance(0.5)) options.large_message_min = large.Between(1400, 20'000);
  Random witness(seed ^ 0x317D'A7A0);
  if (hosts >= 3 && witness.Chance(0.25)) options.without_data.insert(witness.Below(hosts));
  // A state of many small chunks is as long on its way as a large one.
  Random transfer(seed ^ 0x7A45'FE21);
  if (transfer.Chance(0.5)) options.transfer_chunk_bytes = transfer.Between(100, 2000);
  // Two of four leave as many replicas as others.
  Random observer(seed ^ 0x0B5E'24E2);
  if (hosts >= 4 && observer.Chance(0.15)) {
    while (options.without_data.size() < 2) options.without_data.insert(observer.Below(hosts));
  }
  options.votes = options.without_data.empty() || observer.Chance(0.5);
  return options;
}

std::vector<size_t> DrawDatagramSizes(uint64_t seed, size_t hosts) {
  Random random(seed ^ 0x0DA7'A6A3);
  std::vector<size_t> sizes(hosts, wire::kJumboDatagramMax6);
  if (random.Chance(0.6)) return sizes;
  for (size_t& size : sizes) {
    if (random.Chance(0.7)) continue;
    size = random.Chance(0.5) ? wire::kDatagramMax6 : random.Between(1400, size);
  }
  return sizes;
}

void HostOptions::Apply(Policy policy, engine::EngineOptions& engine) const {
  if (policy == Policy::kPrimary && tie_breaker) engine.tie_breaker = "node-0";
  engine.stalled_after = stalled_after;
  if (joiner_queue_bytes_max != 0) engine.joiner_queue_bytes_max = joiner_queue_bytes_max;
  if (send_queue_bytes_max != 0) engine.send_queue_bytes_max = send_queue_bytes_max;
  if (map_bytes_max != 0) engine.map_bytes_max = map_bytes_max;
  if (receive_buffer_bytes != 0) engine.receive_buffer_bytes = receive_buffer_bytes;
  if (large_message_min != 0) {
    engine.large_message_min = large_message_min;
    engine.large_under_way_max = kSmallLargeUnderWay;
    engine.large_queue_bytes_max = kSmallLargeQueue;
  }
  if (transfer_chunk_bytes != 0) {
    engine.transfer_chunk_bytes = transfer_chunk_bytes;
    engine.transfer_helped_bytes_min = 0;
  }
  if (tombstone_horizon != Duration()) engine.tombstone_horizon = tombstone_horizon;
}

std::string HostOptions::ToString() const {
  std::string text;
  const auto add = [&text](const char* name, size_t bytes) {
    if (bytes != 0) text += std::string("; ") + name + " " + std::to_string(bytes >> 10) + " KiB";
  };
  add("joiners' queues", joiner_queue_bytes_max);
  add("send queues", send_queue_bytes_max);
  add("maps", map_bytes_max);
  add("sockets", receive_buffer_bytes);
  if (large_message_min != 0)
    text += "; large from " + std::to_string(large_message_min) + " bytes";
  if (transfer_chunk_bytes != 0)
    text += "; transfers by chunks of " + std::to_string(transfer_chunk_bytes) + " bytes";
  if (tombstone_horizon != Duration()) {
    text += "; tombstones for " + std::to_string(tombstone_horizon.count() / 1'000'000'000) + " s";
  }
  for (const size_t host : without_data) {
    text += "; node-" + std::to_string(host) + " without data" + (votes ? "" : " or a vote");
  }
  if (bulk_start) text += "; started in bulk";
  if (quick_restarts) text += "; quick restarts";
  if (drains) text += "; who leaves drains";
  for (const int64_t off : wall_clock_ms) {
    if (off == 0) continue;
    text += "; clocks up to an hour apart";
    break;
  }
  return text;
}

}  // namespace cohort::sim

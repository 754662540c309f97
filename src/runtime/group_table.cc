#include "runtime/group_table.h"

#include <algorithm>
#include <optional>

#include "wire/packet_header.h"

namespace cohort::runtime {

static_assert(kGroupsPerEndpointMax < 255, "a place holds the index of a seat in 8 bits");

bool GroupTable::Add(uint32_t tag, EndpointGroup& group) {
  if (seats_.size() == kGroupsPerEndpointMax || Find(tag) != nullptr) return false;
  seats_.push_back(std::make_unique<Seat>(Seat{tag, &group, {}}));
  Rebuild();
  return true;
}

void GroupTable::Remove(const EndpointGroup& group) {
  std::erase_if(seats_, [&group](const auto& seat) { return seat->group == &group; });
  Rebuild();
}

// Groups come and go rarely, so nobody needs to know how to take one entry out.
void GroupTable::Rebuild() {
  places_.fill(0);
  for (size_t i = 0; i < seats_.size(); ++i) {
    size_t place = PlaceOf(seats_[i]->tag);
    while (places_[place] != 0) place = (place + 1) % kPlaces;
    places_[place] = static_cast<uint8_t>(i + 1);
  }
}

GroupTable::Seat* GroupTable::Find(uint32_t tag) const {
  for (size_t place = PlaceOf(tag); places_[place] != 0; place = (place + 1) % kPlaces) {
    Seat* const seat = seats_[places_[place] - 1].get();
    if (seat->tag == tag) return seat;
  }
  return nullptr;
}

GroupTable::Seat& GroupTable::SeatFor(const engine::Datagram& datagram) {
  if (const std::optional<uint32_t> tag = wire::PeekGroupTag(datagram.bytes)) {
    if (Seat* const seat = Find(*tag)) return *seat;
  }
  next_for_strangers_ = (next_for_strangers_ + 1) % seats_.size();
  return *seats_[next_for_strangers_];
}

void GroupTable::Deliver(std::span<const engine::Datagram> datagrams) {
  if (seats_.empty() || datagrams.empty()) return;
  if (seats_.size() == 1) {
    seats_.front()->group->OnDatagrams(datagrams);
    return;
  }
  for (const engine::Datagram& datagram : datagrams) {
    Seat& seat = SeatFor(datagram);
    if (seat.tray.empty()) filled_.push_back(&seat);
    seat.tray.push_back(datagram);
  }
  for (Seat* seat : filled_) {
    seat->group->OnDatagrams(seat->tray);
    seat->tray.clear();
  }
  filled_.clear();
}

}  // namespace cohort::runtime

#include "map/convergent_entry.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "map/limits.h"

namespace cohort::map {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie");

constexpr uint16_t kFormat = 2;
constexpr uint16_t kMarkersFlag = 1;  // Of the entry: some attribute is absent.
constexpr size_t kCountAt = 2 + 2;
constexpr size_t kEpochAt = 2 + 2 + 4 + 8 + 3 * 16;
constexpr size_t kCreatedAt = 2 + 2 + 4 + 8 + 4 * 16;
constexpr size_t kViewAt = 2 + 2 + 4;
constexpr size_t kAccessAt = 2 + 2 + 4 + 8 + 7 * 16;
// Of an attribute. What is as said before is left out.
constexpr uint8_t kAbsentFlag = 1;
constexpr uint8_t kSameLifeFlag = 2;
constexpr uint8_t kSameWriteFlag = 4;
constexpr uint8_t kAttributeFlags = kAbsentFlag | kSameLifeFlag | kSameWriteFlag;
constexpr size_t kAttributeBytesMin = 1 + 2 + 4;
constexpr size_t kLifeStampBytes = 16;
constexpr size_t kWriteStampBytes = 16 + 8;

class Writer {
 public:
  explicit Writer(std::byte* at) : at_(at) {}
  template <class T>
  void Put(T number) {
    std::memcpy(at_, &number, sizeof(number));
    at_ += sizeof(number);
  }
  void Put(const Stamp& stamp) {
    Put(stamp.time);
    Put(stamp.writer);
  }
  void Put(const Mark& mark) {
    Put(mark.life);
    Put(mark.stamp);
  }
  void Put(std::string_view text) {
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }

 private:
  std::byte* at_;
};

class Reader {
 public:
  explicit Reader(Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  template <class T>
  T Take() {
    T number;
    std::memcpy(&number, at_, sizeof(number));
    at_ += sizeof(number);
    return number;
  }
  Stamp TakeStamp() {
    const auto time = Take<uint64_t>();
    return {time, Take<uint64_t>()};
  }
  Mark TakeMark() {
    const Stamp life = TakeStamp();
    return {life, TakeStamp()};
  }
  std::string_view TakeText(size_t size) {
    const auto* text = reinterpret_cast<const char*>(at_);
    at_ += size;
    return {text, size};
  }

 private:
  const std::byte* at_;
  const std::byte* end_;
};

bool IsSound(const Stamp& stamp) { return stamp.time < kHlcMax; }
// What belongs to a life that is over has no mark any more.
bool IsSound(const Mark& mark, const Stamp& floor) {
  return IsSound(mark.life) && IsSound(mark.stamp) && (mark == Mark() || mark.life >= floor);
}

// What an attribute may have of what was said before it: the life of the last access, and the last
// write of an attribute, which for the first one is that access, too. Most writes of an entry are
// of one life, and come several at once.
struct Said {
  Mark mark;
  uint64_t view = 0;

  uint8_t FlagsOf(const Attribute& next) const {
    const bool same_life = next.mark.life == mark.life;
    const bool same_write = next.mark.stamp == mark.stamp && next.view == view;
    return static_cast<uint8_t>((next.absent ? kAbsentFlag : 0) | (same_life ? kSameLifeFlag : 0) |
                                (same_write ? kSameWriteFlag : 0));
  }
  void Pass(const Attribute& attribute) {
    mark.stamp = attribute.mark.stamp;
    view = attribute.view;
  }
};

// Of what is not as said before.
size_t MarkBytes(uint8_t flags) {
  return ((flags & kSameLifeFlag) != 0 ? 0 : kLifeStampBytes) +
         ((flags & kSameWriteFlag) != 0 ? 0 : kWriteStampBytes);
}

size_t BytesOf(const Attribute& attribute, uint8_t flags) {
  return kAttributeBytesMin + MarkBytes(flags) + attribute.name.size() + attribute.value.size();
}

// Reads one attribute; false when the bytes end before it, or are not those of EncodeRegisters().
bool TakeAttribute(Reader& reader, Said& said, Attribute& attribute) {
  if (reader.left() < kAttributeBytesMin) return false;
  const auto flags = reader.Take<uint8_t>();
  const auto name_size = reader.Take<uint16_t>();
  const auto value_size = reader.Take<uint32_t>();
  const bool same_life = (flags & kSameLifeFlag) != 0;
  const bool same_write = (flags & kSameWriteFlag) != 0;
  if (reader.left() < MarkBytes(flags) + name_size + value_size) return false;
  attribute.mark.life = same_life ? said.mark.life : reader.TakeStamp();
  attribute.mark.stamp = same_write ? said.mark.stamp : reader.TakeStamp();
  attribute.view = same_write ? said.view : reader.Take<uint64_t>();
  attribute.absent = (flags & kAbsentFlag) != 0;
  if ((flags & ~kAttributeFlags) != 0 || flags != said.FlagsOf(attribute)) return false;
  said.Pass(attribute);
  attribute.name = reader.TakeText(name_size);
  attribute.value = reader.TakeText(value_size);
  return !attribute.absent || attribute.value.empty();
}

}  // namespace

// Of one stamp the greater bytes, so that a joined copy does not depend on order even where a
// writer broke the rules.
bool IsLater(const Attribute& a, const Attribute& b) {
  if (a.mark != b.mark) return a.mark > b.mark;
  if (a.absent != b.absent) return b.absent;
  if (a.value != b.value) return a.value > b.value;
  return a.view > b.view;
}

GroupTime Registers::ExpiresAt() const {
  if (ttl_ms == 0 || !IsAlive()) return 0;
  return std::min(accessed_at + static_cast<GroupTime>(ttl_ms), kGroupTimeMaxMs);
}

Stamp Registers::Activity() const {
  Stamp latest = std::max({created, ttl.stamp, access.stamp});
  for (const Attribute& attribute : attributes) latest = std::max(latest, attribute.mark.stamp);
  return latest;
}

Stamp Registers::Latest() const { return std::max({floor, expired.stamp, Activity()}); }

const Attribute* Registers::Find(std::string_view name) const {
  const auto found = std::lower_bound(
      attributes.begin(), attributes.end(), name,
      [](const Attribute& attribute, std::string_view wanted) { return attribute.name < wanted; });
  return found == attributes.end() || found->name != name ? nullptr : &*found;
}

void Registers::Add(const Attribute& attribute) {
  const auto at =
      std::lower_bound(attributes.begin(), attributes.end(), attribute.name,
                       [](const Attribute& a, std::string_view wanted) { return a.name < wanted; });
  if (at != attributes.end() && at->name == attribute.name) {
    *at = attribute;
  } else {
    attributes.insert(at, attribute);
  }
}

// Spec 11.3
void Registers::RaiseFloor(const Stamp& stamp) {
  floor = std::max(floor, stamp);
  if (created < floor) created = {};
  if (expired.life < floor) expired = {};
  if (ttl.life < floor) {
    ttl = {};
    ttl_ms = 0;
  }
  if (access.life < floor) {
    access = {};
    accessed_at = 0;
  }
  const auto gone = std::remove_if(attributes.begin(), attributes.end(),
                                   [this](const Attribute& a) { return a.mark.life < floor; });
  attributes.erase(gone, attributes.end());
}

// Spec 11.16
void Registers::ForgetAbsent(uint64_t upto) {
  const auto gone =
      std::remove_if(attributes.begin(), attributes.end(),
                     [upto](const Attribute& a) { return a.absent && a.mark.stamp.time <= upto; });
  attributes.erase(gone, attributes.end());
}

void Registers::DropContents() {
  created = {};
  ttl = access = {};
  ttl_ms = 0;
  accessed_at = 0;
  attributes.clear();
}

size_t Registers::CountedBytes() const {
  size_t bytes = kRegistersHeaderBytes;
  for (const Attribute& attribute : attributes) {
    bytes += kAttributeBytes + attribute.name.size() + attribute.value.size();
  }
  return bytes;
}

bool Registers::HasMarkers() const {
  return std::any_of(attributes.begin(), attributes.end(),
                     [](const Attribute& attribute) { return attribute.absent; });
}

bool HasMarkers(Bytes registers) {
  return registers.size() >= kRegistersHeaderBytes &&
         std::to_integer<int>(registers[2]) == kMarkersFlag;
}

uint32_t BytesLeftOut(Bytes registers) {
  if (registers.size() < kRegistersHeaderBytes) return 0;
  const auto count = Reader(registers.subspan(kCountAt)).Take<uint32_t>();
  Reader reader(registers.subspan(kRegistersHeaderBytes));
  size_t said_again = 0;
  for (uint32_t i = 0; i < count && reader.left() >= kAttributeBytesMin; ++i) {
    const auto flags = reader.Take<uint8_t>();
    const auto name_size = reader.Take<uint16_t>();
    const auto value_size = reader.Take<uint32_t>();
    const size_t marks = MarkBytes(flags);
    said_again += marks;
    reader.TakeText(std::min(reader.left(), marks + name_size + value_size));
  }
  return static_cast<uint32_t>(count * (kLifeStampBytes + kWriteStampBytes) - said_again);
}

Ownership ClaimIn(Bytes registers) {
  Ownership claim;
  if (registers.size() < kRegistersHeaderBytes) return claim;
  std::memcpy(&claim.epoch, registers.data() + kEpochAt, sizeof(claim.epoch));
  std::memcpy(&claim.writer, registers.data() + kEpochAt + sizeof(claim.epoch),
              sizeof(claim.writer));
  return claim;
}

Stamp CreatedIn(Bytes registers) {
  if (registers.size() < kRegistersHeaderBytes) return {};
  return Reader(registers.subspan(kCreatedAt)).TakeStamp();
}

uint64_t OwnerIn(Bytes registers) {
  const Ownership claim = ClaimIn(registers);
  return claim.epoch > 0 ? claim.writer : CreatedIn(registers).writer;
}

bool HasClaim(Bytes registers) { return ClaimIn(registers).epoch != 0; }

bool HasContents(Bytes registers) {
  if (registers.size() < kRegistersHeaderBytes) return false;
  uint32_t count = 0;
  uint64_t created = 0;
  std::memcpy(&count, registers.data() + kCountAt, sizeof(count));
  std::memcpy(&created, registers.data() + kCreatedAt, sizeof(created));
  return count != 0 || created != 0;
}

// Spec 11.3
Registers Join(const Registers& a, const Registers& b) {
  Registers joined;
  joined.created = std::max(a.created, b.created);
  joined.expired = std::max(a.expired, b.expired);
  joined.claim = std::max(a.claim, b.claim);
  const bool a_sets = a.ttl != b.ttl ? a.ttl > b.ttl : a.ttl_ms > b.ttl_ms;
  joined.ttl = a_sets ? a.ttl : b.ttl;
  joined.ttl_ms = a_sets ? a.ttl_ms : b.ttl_ms;
  const bool a_came = a.access != b.access ? a.access > b.access : a.accessed_at > b.accessed_at;
  joined.access = a_came ? a.access : b.access;
  joined.accessed_at = a_came ? a.accessed_at : b.accessed_at;
  joined.view = std::max(a.view, b.view);
  auto one = a.attributes.begin();
  auto two = b.attributes.begin();
  while (one != a.attributes.end() || two != b.attributes.end()) {
    if (two == b.attributes.end() || (one != a.attributes.end() && one->name < two->name)) {
      joined.attributes.push_back(*one++);
    } else if (one == a.attributes.end() || two->name < one->name) {
      joined.attributes.push_back(*two++);
    } else {
      joined.attributes.push_back(IsLater(*one, *two) ? *one : *two);
      ++one;
      ++two;
    }
  }
  joined.floor = a.floor;
  joined.RaiseFloor(b.floor);
  return joined;
}

bool Registers::IsOneLife() const {
  const auto of_it = [this](const Attribute& attribute) { return attribute.mark.life == floor; };
  return floor != Stamp() && created == floor && expired == Mark() && ttl.life == floor &&
         access.life == floor && !attributes.empty() &&
         std::all_of(attributes.begin(), attributes.end(), of_it);
}

std::optional<Registers> JoinIfOver(Bytes registers, const Registers& life) {
  Reader reader(registers);
  if (reader.left() < kRegistersHeaderBytes || !life.IsOneLife()) return std::nullopt;
  reader.Take<uint32_t>();  // Format and flags.
  const auto count = reader.Take<uint32_t>();
  const auto view = reader.Take<uint64_t>();
  Stamp latest = reader.TakeStamp();
  latest = std::max(latest, reader.TakeMark().life);
  const auto epoch = reader.Take<uint64_t>();
  const Ownership claim{epoch, reader.Take<uint64_t>()};
  latest = std::max(latest, reader.TakeStamp());
  latest = std::max(latest, reader.TakeMark().life);
  Said said{reader.TakeMark(), view};
  latest = std::max(latest, said.mark.life);
  reader.Take<uint64_t>();  // Lifetime and access.
  reader.Take<int64_t>();
  Attribute attribute;
  for (uint32_t i = 0; i < count; ++i) {
    if (!TakeAttribute(reader, said, attribute)) return std::nullopt;
    latest = std::max(latest, attribute.mark.life);
  }
  if (latest >= life.floor) return std::nullopt;
  std::optional<Registers> joined = life;
  joined->claim = std::max(life.claim, claim);
  joined->view = std::max(life.view, view);
  return joined;
}

std::optional<Registers> JoinIfOver(const Entry& entry, const Registers& life) {
  if (!entry.is_one_life || !life.IsOneLife()) return JoinIfOver(entry.value.bytes(), life);
  if (entry.version >= life.floor) return std::nullopt;
  std::optional<Registers> joined = life;
  joined->view = std::max(life.view, entry.view.num);
  return joined;
}

// Spec 11.4
Buffer EncodeRegisters(const Registers& registers) {
  size_t size = kRegistersHeaderBytes;
  Said said{registers.access, registers.view};
  for (const Attribute& attribute : registers.attributes) {
    size += BytesOf(attribute, said.FlagsOf(attribute));
    said.Pass(attribute);
  }
  Buffer bytes = Buffer::Allocate(size);
  Writer writer(bytes.Fill().data());
  writer.Put(kFormat);
  writer.Put<uint16_t>(registers.HasMarkers() ? kMarkersFlag : 0);
  writer.Put(static_cast<uint32_t>(registers.attributes.size()));
  writer.Put(registers.view);
  writer.Put(registers.floor);
  writer.Put(registers.expired);
  writer.Put(registers.claim.epoch);
  writer.Put(registers.claim.writer);
  writer.Put(registers.created);
  writer.Put(registers.ttl);
  writer.Put(registers.access);
  writer.Put(registers.ttl_ms);
  writer.Put(registers.accessed_at);
  said = {registers.access, registers.view};
  for (const Attribute& attribute : registers.attributes) {
    const uint8_t flags = said.FlagsOf(attribute);
    said.Pass(attribute);
    writer.Put(flags);
    writer.Put(static_cast<uint16_t>(attribute.name.size()));
    writer.Put(static_cast<uint32_t>(attribute.value.size()));
    if ((flags & kSameLifeFlag) == 0) writer.Put(attribute.mark.life);
    if ((flags & kSameWriteFlag) == 0) {
      writer.Put(attribute.mark.stamp);
      writer.Put(attribute.view);
    }
    writer.Put(attribute.name);
    writer.Put(attribute.value);
  }
  return bytes;
}

std::optional<Registers> ParseRegisters(Bytes bytes) {
  Reader reader(bytes);
  if (reader.left() < kRegistersHeaderBytes || reader.Take<uint16_t>() != kFormat)
    return std::nullopt;
  const auto flags = reader.Take<uint16_t>();
  const auto count = reader.Take<uint32_t>();
  Registers registers;
  registers.view = reader.Take<uint64_t>();
  registers.floor = reader.TakeStamp();
  registers.expired = reader.TakeMark();
  registers.claim.epoch = reader.Take<uint64_t>();
  registers.claim.writer = reader.Take<uint64_t>();
  registers.created = reader.TakeStamp();
  registers.ttl = reader.TakeMark();
  registers.access = reader.TakeMark();
  registers.ttl_ms = reader.Take<uint64_t>();
  registers.accessed_at = reader.Take<int64_t>();
  const bool sound =
      IsSound(registers.floor) && IsSound(registers.created) &&
      IsSound(registers.expired, registers.floor) && IsSound(registers.ttl, registers.floor) &&
      IsSound(registers.access, registers.floor) &&
      (registers.created == Stamp() || registers.created >= registers.floor) &&
      registers.ttl_ms <= kTtlMaxMs && registers.accessed_at >= 0 &&
      registers.accessed_at <= kGroupTimeMaxMs && count <= reader.left() / kAttributeBytesMin;
  if (!sound) return std::nullopt;
  Said said{registers.access, registers.view};
  for (uint32_t i = 0; i < count; ++i) {
    Attribute attribute;
    if (!TakeAttribute(reader, said, attribute)) return std::nullopt;
    const bool in_order = i == 0 || registers.attributes.back().name < attribute.name;
    const bool kept = IsSound(attribute.mark, registers.floor) && attribute.mark.life != Stamp();
    if (!in_order || !kept || attribute.name.size() > kAttributeNameBytesMax ||
        attribute.view > registers.view) {
      return std::nullopt;
    }
    registers.attributes.push_back(attribute);
  }
  if (reader.left() != 0 || flags != (registers.HasMarkers() ? kMarkersFlag : 0))
    return std::nullopt;
  return registers;
}

Buffer ValueOf(const Attribute& attribute, const Buffer& registers) {
  if (attribute.value.empty()) return Buffer();
  const auto* at = reinterpret_cast<const std::byte*>(attribute.value.data());
  return registers.Slice(static_cast<size_t>(at - registers.data()), attribute.value.size());
}

Buffer UnnamedValueOf(const Buffer& registers) {
  if (registers.size() <= kRegistersHeaderBytes) return {};
  Reader view(registers.bytes().subspan(kViewAt));
  Reader access(registers.bytes().subspan(kAccessAt));
  Said said{access.TakeMark(), view.Take<uint64_t>()};
  Reader reader(registers.bytes().subspan(kRegistersHeaderBytes));
  Attribute first;
  if (!TakeAttribute(reader, said, first) || !first.name.empty()) return {};
  return ValueOf(first, registers);
}

bool IsNothingElse(const Registers& registers, const Version& begun) {
  return registers.created == begun && registers.claim == Ownership() && registers.IsOneLife();
}

Entry EntryOf(const Registers& registers, const Version& version) {
  Entry entry;
  entry.value = EncodeRegisters(registers);
  entry.version = version;
  entry.view = {registers.view, 0};
  entry.tombstone = !registers.IsAlive();
  entry.expires_at = registers.ExpiresAt();
  entry.ttl_ms = entry.tombstone ? 0 : registers.ttl_ms;
  entry.is_one_life = IsNothingElse(registers, version);
  return entry;
}

}  // namespace cohort::map

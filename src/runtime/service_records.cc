#include "runtime/service_records.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <tuple>

namespace cohort::runtime {
namespace {

constexpr size_t kHeaderBytes = 12;
constexpr size_t kQuestionBytes = 4;  // After its name: type, class.
constexpr size_t kServiceBytes = 6;   // Before the host: priority, weight, port.

class Message {
 public:
  explicit Message(Bytes bytes) : bytes_(bytes) {}

  // Big-endian; 0 beyond the end, and ok() is false from then on.
  uint16_t ReadU16() {
    const Bytes two = Take(2);
    if (two.empty()) return 0;
    return static_cast<uint16_t>((static_cast<unsigned>(two[0]) << 8) |
                                 static_cast<unsigned>(two[1]));
  }
  Bytes Take(size_t size) {
    if (!ok_ || size > bytes_.size() - at_) {
      ok_ = false;
      return {};
    }
    at_ += size;
    return bytes_.subspan(at_ - size, size);
  }
  // A name, which may go on at an earlier place of the message.
  std::string ReadName() {
    std::array<char, NS_MAXDNAME> name{};
    const auto* begin = reinterpret_cast<const unsigned char*>(bytes_.data());
    const int size = !ok_ || at_ >= bytes_.size()
                         ? -1
                         : dn_expand(begin, begin + bytes_.size(), begin + at_, name.data(),
                                     static_cast<int>(name.size()));
    if (size < 0) {
      ok_ = false;
      return "";
    }
    at_ += static_cast<size_t>(size);
    return name.data();
  }
  size_t at() const { return at_; }
  bool ok() const { return ok_; }

 private:
  Bytes bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

}  // namespace

std::optional<std::vector<ServiceRecord>> ParseServiceRecords(Bytes answer) {
  if (answer.size() < kHeaderBytes) return std::nullopt;
  Message message(answer);
  message.Take(4);  // Id, flags.
  const uint16_t questions = message.ReadU16();
  const uint16_t answers = message.ReadU16();
  message.Take(4);  // Counts of what is not looked at.
  for (uint16_t i = 0; i < questions && message.ok(); ++i) {
    message.ReadName();
    message.Take(kQuestionBytes);
  }
  std::vector<ServiceRecord> records;
  for (uint16_t i = 0; i < answers && message.ok() && records.size() < kServiceRecordsMax; ++i) {
    message.ReadName();
    const uint16_t type = message.ReadU16();
    const uint16_t in_class = message.ReadU16();
    message.Take(4);  // Time to live.
    const uint16_t size = message.ReadU16();
    if (type != ns_t_srv || in_class != ns_c_in) {
      message.Take(size);
      continue;
    }
    const size_t end = message.at() + size;
    ServiceRecord record;
    record.priority = message.ReadU16();
    record.weight = message.ReadU16();
    record.port = message.ReadU16();
    record.host = message.ReadName();
    if (!message.ok() || message.at() != end || size < kServiceBytes) return std::nullopt;
    if (!record.host.empty() && record.port != 0) records.push_back(std::move(record));
  }
  if (!message.ok()) return std::nullopt;
  std::sort(records.begin(), records.end(), [](const ServiceRecord& a, const ServiceRecord& b) {
    return std::make_tuple(a.priority, -int{a.weight}, a.host, a.port) <
           std::make_tuple(b.priority, -int{b.weight}, b.host, b.port);
  });
  return records;
}

}  // namespace cohort::runtime

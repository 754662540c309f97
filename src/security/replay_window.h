// Which packet numbers of one sender and channel were opened already: the highest one, and a bitmap
// of the 4096 up to it. Anything older counts as seen. Ask before opening a packet, record only
// once it proved authentic. Source: RFC 4303, 3.4.3 and RFC 6479.
#ifndef COHORT_SECURITY_REPLAY_WINDOW_H_
#define COHORT_SECURITY_REPLAY_WINDOW_H_

#include <array>
#include <cstdint>

namespace cohort::security {

class ReplayWindow {
 public:
  static constexpr uint64_t kPackets = 4096;

  bool IsFresh(uint64_t number) const {
    if (number > highest_) return true;
    if (highest_ - number >= kPackets) return false;
    return (Word(number) & Bit(number)) == 0 && number != 0;
  }
  void Record(uint64_t number) {
    if (number > highest_) Advance(number);
    Word(number) |= Bit(number);
  }
  uint64_t highest() const { return highest_; }

 private:
  // The slots of numbers in (highest_, number] still hold bits of numbers 4096 lower.
  void Advance(uint64_t number) {
    if (number - highest_ >= kPackets) {
      seen_.fill(0);
    } else {
      for (uint64_t next = highest_ + 1; next <= number;) {
        if (next % 64 == 0 && number - next >= 63) {
          Word(next) = 0;
          next += 64;
        } else {
          Word(next) &= ~Bit(next);
          ++next;
        }
      }
    }
    highest_ = number;
  }
  uint64_t& Word(uint64_t number) { return seen_[number / 64 % seen_.size()]; }
  uint64_t Word(uint64_t number) const { return seen_[number / 64 % seen_.size()]; }
  static uint64_t Bit(uint64_t number) { return uint64_t{1} << (number % 64); }

  uint64_t highest_ = 0;
  std::array<uint64_t, kPackets / 64> seen_{};
};

}  // namespace cohort::security

#endif  // COHORT_SECURITY_REPLAY_WINDOW_H_

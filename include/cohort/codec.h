// Codecs: how the keys and values of a TypedMap become bytes, and come back.
//
//   type                  as a value                       as a key
//   std::string           itself                           itself
//   integers              decimal text, as Increment and   fixed size, big-endian, so that bytes
//   sort
//                         clients of `cohort node` use it  as the numbers do
//   bool                  "1" or "0"                       the same
//   float, double         4 or 8 bytes; sort as the numbers, not a number after all others
//                                                          the same; not a number is no key
//   what has SerializeToString and ParseFromString (Protocol Buffers and their like)
//                         what these say                   none: its bytes need not be the same
//                         twice
//   a type of yours       a specialisation of Codec        the same one, or one of KeyCodec
//
// A codec is two static functions, called by any thread, several at a time:
// ```cpp
// template <>
// struct cohort::Codec<Cart> {
//   static std::optional<std::string> Encode(const Cart& cart) {
//     return std::to_string(cart.articles) + ":" + cart.owner;
//   }
//   static std::optional<Cart> Decode(std::string_view bytes) {
//     Cart cart;
//     const auto [end, error] =
//         std::from_chars(bytes.data(), bytes.data() + bytes.size(), cart.articles);
//     const size_t colon = static_cast<size_t>(end - bytes.data());
//     if (error != std::errc() || colon == bytes.size() || *end != ':') return std::nullopt;
//     cart.owner = bytes.substr(colon + 1);
//     return cart;
//   }
// };
// ```
// Encode gives nothing for what has no bytes; the call then fails with kInvalidArgument. Decode
// gives nothing for bytes that are no such value, whatever they are: other programs, and other
// releases of this one, write to the same map. Neither may throw.
#ifndef COHORT_CODEC_H_
#define COHORT_CODEC_H_

#include <bit>
#include <charconv>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace cohort {
namespace detail {

template <class T>
inline constexpr bool kHasNoCodec = false;

template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool>;

template <class T>
concept Real = std::same_as<T, float> || std::same_as<T, double>;

template <class T>
concept SerializesItself =
    std::default_initializable<T> &&
    requires(const T& value, T& parsed, std::string* out, const std::string& bytes) {
      { value.SerializeToString(out) } -> std::convertible_to<bool>;
      { parsed.ParseFromString(bytes) } -> std::convertible_to<bool>;
    };

template <std::unsigned_integral Number>
std::string ToBigEndian(Number number) {
  std::string bytes(sizeof(Number), '\0');
  for (size_t i = sizeof(Number); i-- > 0;) {
    bytes[i] = static_cast<char>(number & 0xFFU);
    number = static_cast<Number>(static_cast<uint64_t>(number) >> 8);
  }
  return bytes;
}

template <std::unsigned_integral Number>
std::optional<Number> FromBigEndian(std::string_view bytes) {
  if (bytes.size() != sizeof(Number)) return std::nullopt;
  uint64_t number = 0;
  for (const char byte : bytes) number = (number << 8) | static_cast<unsigned char>(byte);
  return static_cast<Number>(number);
}

template <std::unsigned_integral Number>
inline constexpr Number kTopBit = static_cast<Number>(Number{1} << (8 * sizeof(Number) - 1));

}  // namespace detail

// ---- Values.

template <class T>
struct Codec {
  static_assert(detail::kHasNoCodec<T>,
                "this type has no codec: specialise cohort::Codec, as cohort/codec.h shows");
};

// The result borrows from the argument, so nothing is copied on the way into the map.
template <>
struct Codec<std::string> {
  static std::optional<std::string_view> Encode(std::string_view value) { return value; }
  static std::optional<std::string> Decode(std::string_view bytes) { return std::string(bytes); }
};

template <>
struct Codec<bool> {
  static std::optional<std::string> Encode(bool value) { return std::string(value ? "1" : "0"); }
  static std::optional<bool> Decode(std::string_view bytes) {
    if (bytes != "0" && bytes != "1") return std::nullopt;
    return bytes == "1";
  }
};

template <detail::Integer T>
struct Codec<T> {
  static std::optional<std::string> Encode(T value) { return std::to_string(Wide{value}); }
  static std::optional<T> Decode(std::string_view bytes) {
    Wide wide = 0;
    const auto [end, error] = std::from_chars(bytes.data(), bytes.data() + bytes.size(), wide);
    if (error != std::errc() || end != bytes.data() + bytes.size()) return std::nullopt;
    const T value = static_cast<T>(wide);
    if (static_cast<Wide>(value) != wide) return std::nullopt;  // Beyond T.
    return value;
  }

 private:
  using Wide = std::conditional_t<std::is_signed_v<T>, long long, unsigned long long>;
};

template <detail::Real T>
struct Codec<T> {
  static std::optional<std::string> Encode(T value) {
    const Bits bits = std::bit_cast<Bits>(value);
    const bool negative = (bits & detail::kTopBit<Bits>) != 0;
    return detail::ToBigEndian(negative ? static_cast<Bits>(~bits) : bits | detail::kTopBit<Bits>);
  }
  static std::optional<T> Decode(std::string_view bytes) {
    const std::optional<Bits> bits = detail::FromBigEndian<Bits>(bytes);
    if (!bits) return std::nullopt;
    const bool negative = (*bits & detail::kTopBit<Bits>) == 0;
    return std::bit_cast<T>(negative ? static_cast<Bits>(~*bits) : *bits ^ detail::kTopBit<Bits>);
  }

 private:
  using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  static_assert(std::numeric_limits<T>::is_iec559 && sizeof(Bits) == sizeof(T));
};

template <detail::SerializesItself T>
struct Codec<T> {
  static std::optional<std::string> Encode(const T& value) {
    std::string bytes;
    if (!value.SerializeToString(&bytes)) return std::nullopt;
    return bytes;
  }
  static std::optional<T> Decode(std::string_view bytes) {
    std::optional<T> value(std::in_place);
    if (!value->ParseFromString(std::string(bytes))) return std::nullopt;
    return value;
  }
};

// ---- Keys. Equal keys must have equal bytes, and different ones different bytes; at most
// kKeyBytesMax, at least one.

template <class T>
struct KeyCodec : Codec<T> {
  static_assert(!detail::SerializesItself<T>,
                "the bytes of a message need not be the same twice, so it is no key by itself: "
                "take one of its fields, or specialise cohort::KeyCodec");
};

template <detail::Integer T>
struct KeyCodec<T> {
  static std::optional<std::string> Encode(T value) {
    return detail::ToBigEndian(static_cast<Bits>(static_cast<Bits>(value) ^ kFlip));
  }
  static std::optional<T> Decode(std::string_view bytes) {
    const std::optional<Bits> bits = detail::FromBigEndian<Bits>(bytes);
    if (!bits) return std::nullopt;
    return static_cast<T>(*bits ^ kFlip);
  }

 private:
  using Bits = std::make_unsigned_t<T>;
  // Negative numbers come first.
  static constexpr Bits kFlip = std::is_signed_v<T> ? detail::kTopBit<Bits> : Bits{0};
};

template <detail::Real T>
struct KeyCodec<T> {
  static std::optional<std::string> Encode(T value) {
    if (std::isnan(value)) return std::nullopt;
    return Codec<T>::Encode(value == 0 ? T{0} : value);  // The two zeros are one key.
  }
  static std::optional<T> Decode(std::string_view bytes) {
    const std::optional<T> value = Codec<T>::Decode(bytes);
    if (!value || std::isnan(*value) || (*value == 0 && std::signbit(*value))) return std::nullopt;
    return value;
  }
};

}  // namespace cohort

#endif  // COHORT_CODEC_H_

// Shopping carts by customer number, in a map of typed keys and values. Runs on this host alone.
//   typed_map [GROUP]
#include <cohort/cohort.h>

#include <charconv>
#include <cstdio>

struct Cart {
  int articles = 0;
  std::string owner;
};

template <>
struct cohort::Codec<Cart> {
  static std::optional<std::string> Encode(const Cart& cart) {
    return std::to_string(cart.articles) + ":" + cart.owner;
  }
  static std::optional<Cart> Decode(std::string_view bytes) {
    Cart cart;
    const auto [end, error] =
        std::from_chars(bytes.data(), bytes.data() + bytes.size(), cart.articles);
    const size_t colon = static_cast<size_t>(end - bytes.data());
    if (error != std::errc() || colon == bytes.size() || *end != ':') return std::nullopt;
    cart.owner = bytes.substr(colon + 1);
    return cart;
  }
};

int main(int argc, char** argv) {
  cohort::GroupOptions options;
  options.group = argc > 1 ? argv[1] : "carts";
  options.allow_plaintext = cohort::AllowPlaintext::kLoopback;
  absl::StatusOr<cohort::Group> group = cohort::Group::Join(options);
  if (!group.ok()) return std::fprintf(stderr, "%s\n", group.status().ToString().c_str()), 1;
  absl::StatusOr<cohort::ReplicatedMap> map = group->OpenMap("carts");
  if (!map.ok()) return std::fprintf(stderr, "%s\n", map.status().ToString().c_str()), 1;

  cohort::TypedMap<uint64_t, Cart> carts(*std::move(map));
  carts.Put(4711, Cart{3, "ann"}, {.ttl = absl::Minutes(30)});
  const absl::StatusOr<cohort::TypedEntry<Cart>> cart = carts.Get(4711);
  if (!cart.ok()) return std::fprintf(stderr, "%s\n", cart.status().ToString().c_str()), 1;
  std::printf("%s has %d articles\n", cart->value.owner.c_str(), cart->value.articles);
}

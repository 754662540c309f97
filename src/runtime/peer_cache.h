// The addresses of the members that were in the group last, in a file, so that a member that starts
// again finds one of them though multicast and seeds do not work.
//
// The file is text: a line that names the format and the group, then an address a line, at most
// kPeersMax. It is replaced as a whole, so a reader sees the old one or the new one. A file that is
// no peer cache is neither used nor touched: the path may have been mistyped. What is in it are
// hints: whoever is asked there still has to know the group's key.
#ifndef COHORT_RUNTIME_PEER_CACHE_H_
#define COHORT_RUNTIME_PEER_CACHE_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/types.h"
#include "cohort/view.h"

namespace cohort::runtime {

inline constexpr size_t kPeersMax = 64;
inline constexpr size_t kPeerCacheBytesMax = 16384;  // A larger file is none.

// What the file of `peers` is; those beyond kPeersMax are left out.
std::string FormatPeerCache(std::string_view group, std::span<const Address> peers);
// Errors: kFailedPrecondition  it is no peer cache, or that of another group: not to be replaced.
//         kDataLoss            it is one, but damaged.
absl::StatusOr<std::vector<Address>> ParsePeerCache(std::string_view group, std::string_view text);

// No peers where there is no file. Errors: as ParsePeerCache; kPermissionDenied, kUnavailable (it
// cannot be read). The text begins with "peer_cache: " and the path.
absl::StatusOr<std::vector<Address>> ReadPeerCache(const std::string& path, std::string_view group);
// Atomically, and on disk when it returns; mode 0600. Errors: kUnavailable, with the reason.
absl::Status WritePeerCache(const std::string& path, std::string_view group,
                            std::span<const Address> peers);

// The addresses of a view's members but `own`, in the order of the view.
std::vector<Address> PeersOf(const View& view, const Address& own);

// Writes the cache on a thread of its own ("cohort-peers"), because a disk may take its time.
// Threads: any.
class PeerCacheWriter {
 public:
  // `on_trouble`: once until a write succeeds again, on the thread.
  PeerCacheWriter(std::string path, std::string group,
                  std::function<void(const std::string& text)> on_trouble);
  ~PeerCacheWriter();  // Stop().
  PeerCacheWriter(const PeerCacheWriter&) = delete;
  PeerCacheWriter& operator=(const PeerCacheWriter&) = delete;

  // The newest view's peers; what is not written yet is replaced. Nobody is no reason to forget
  // those of before. Does not block.
  void Note(std::vector<Address> peers);
  // Waits until what was noted is written, at most a second. Idempotent.
  void Stop();

 private:
  struct State;
  static void Run(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

}  // namespace cohort::runtime

#endif  // COHORT_RUNTIME_PEER_CACHE_H_
